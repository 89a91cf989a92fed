import { relative } from 'node:path'
import type { Finding, Json, Registry } from '../../stages/define.ts'
import type { Diagnostic } from '../parse/diagnostic.ts'
import type { Graph } from '../plan/node.ts'
import { remoteParts } from '../plan/source-files.ts'
import { preflight } from '../run/preflight.ts'

/** Whether this machine can give a pipeline what it asks for: cards and memory, models, collections. Nothing is spent. */
export async function examinePipeline(
  graph: Graph,
  registry: Registry,
  { jobs, signal }: { jobs?: number | undefined; signal: AbortSignal },
): Promise<readonly Finding[]> {
  const nodes = [...graph.nodes.values()]
  const { diagnostics } = await preflight(graph, nodes, registry, jobs)
  const models = new Map<string, Json>()
  const fetched = new Set<string>()
  for (const node of nodes) {
    for (const ref of node.inputs.values()) {
      if (ref.type === 'llm') models.set(ref.name, ref.block)
      if (ref.type === 'dataset') for (const part of remoteParts(ref)) fetched.add(part.from)
    }
  }
  const examined = await Promise.all([...models].map(([name, block]) => registry.models.examine(name, block, signal)))
  return [
    ...diagnostics.map(told),
    ...examined.flat(),
    ...[...fetched].map((from): Finding => ({ name: 'collection', status: 'ok', message: `${from} is fetched once` })),
  ]
}

function told({ file, line, column, message, advice }: Diagnostic): Finding {
  const place = `${relative(process.cwd(), file)}:${line}:${column}`
  return { name: 'resources', status: 'error', message: `${place} ${message}`, ...(advice ? { advice } : {}) }
}
