import { isAbsolute, relative } from 'node:path'
import { type CanonicalValue, canonicalBytes, compareUtf8 } from '../../cache/canonical.ts'
import { type Sha256, sha256 } from '../../cache/digest.ts'
import type { Exposure, Registry } from '../../stages/define.ts'
import { unreachable } from '../util/unreachable.ts'
import type { Graph, GraphNode, InputRef } from './node.ts'
import { localPaths, remoteParts, type SourceFiles } from './source-files.ts'

/** One thing that running a pipeline does, as it is shown. */
export interface ShownExposure extends Exposure {
  /** The stage or the model that does it. */
  by: string
  /** Environment, files that it is given, each with its digest. */
  details: readonly string[]
}

/**
 * All that running a graph executes, starts, contacts, downloads, and reads from outside of its project: sorted, each
 * once. The files of its paths must have been loaded.
 */
export function exposureOf(graph: Graph, sources: SourceFiles, models: Registry['models']): readonly ShownExposure[] {
  const shown = new Map<string, ShownExposure>()
  const add = (exposure: ShownExposure): void => void shown.set(JSON.stringify(exposure), exposure)
  for (const node of graph.nodes.values()) {
    const own = executedBy(node)
    const details = own.length > 0 ? detailsOf(node, graph.pipeline.root, sources) : []
    for (const exposure of own) add({ by: `stage ${node.stage}`, ...exposure, details })
    for (const ref of node.inputs.values()) {
      if (ref.type === 'llm' || ref.type === 'encoder') {
        const secrets = [...node.passEnv].sort(compareUtf8).map((name) => `is given $${name}`)
        for (const exposure of models.exposes(ref.block))
          add({ by: `model ${ref.name}`, ...exposure, details: secrets })
      }
      if (ref.type === 'dataset')
        for (const { from } of remoteParts(ref))
          add({ by: `dataset ${ref.name}`, does: 'downloads', what: from, details: [] })
      for (const path of filesOf(ref)) {
        if (isOutside(graph.pipeline.root, path))
          add({ by: `stage ${node.stage}`, does: 'reads', what: path, details: [] })
      }
    }
  }
  return [...shown].sort(([a], [b]) => compareUtf8(a, b)).map(([, exposure]) => exposure)
}

/** Stands for exactly what is shown of a pipeline of this bundle. */
export function exposureDigest(bundle: string, exposures: readonly ShownExposure[]): Sha256<'exposure'> {
  return sha256(canonicalBytes('exposure', { bundle, exposures: exposures as unknown as CanonicalValue }))
}

/** Whether a node executes something itself. */
export function isExecuting(node: GraphNode): boolean {
  return executedBy(node).length > 0
}

// What does not say what it executes is taken to execute all that it is given.
function executedBy({ definition, options }: GraphNode): readonly Exposure[] {
  if (definition.exposes) return definition.exposes(options as never)
  return definition.thread === 'main' ? [{ does: 'runs', what: `${definition.type} ${JSON.stringify(options)}` }] : []
}

function detailsOf(node: GraphNode, root: string, sources: SourceFiles): string[] {
  const details = Object.entries(node.env).map(([name, value]) => `with ${name}=${value}`)
  for (const name of node.passEnv) details.push(`is given $${name}`)
  for (const ref of node.inputs.values()) {
    if (ref.type !== 'path') continue
    const path = isOutside(root, ref.path) ? ref.path : relative(root, ref.path) || '.'
    details.push(`is given ${path} (${sources.tree(ref).digest})`)
  }
  return details.sort(compareUtf8)
}

function filesOf(ref: InputRef): string[] {
  switch (ref.type) {
    case 'dataset':
      return Object.values(ref.parts).flatMap(localPaths)
    case 'prompt':
    case 'path':
      return [ref.path]
    case 'stage':
    case 'llm':
    case 'encoder':
      return []
    default:
      return unreachable(ref)
  }
}

function isOutside(folder: string, path: string): boolean {
  const inside = relative(folder, path)
  return inside === '..' || inside.startsWith('../') || isAbsolute(inside)
}
