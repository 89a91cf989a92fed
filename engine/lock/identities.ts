import { basename, dirname, isAbsolute, relative, sep } from 'node:path'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'
import type { Json } from '../../stages/define.ts'
import type { Graph, GraphNode, InputRef } from '../plan/node.ts'
import type { SourceFiles } from '../plan/source-files.ts'
import type { Identities } from './lockfile.ts'

/**
 * The identities of what nodes read from outside: a digest for each part of a dataset, what decides a model's answers, a
 * digest for each prompt. Files of datasets must have been loaded. Where variants mean different things by one name,
 * it has the list of them.
 */
export function identitiesOf(nodes: Iterable<GraphNode>, graph: Graph, sources: SourceFiles): Identities {
  const found = {
    datasets: new Map<string, Json[]>(),
    models: new Map<string, Json[]>(),
    prompts: new Map<string, Json[]>(),
  }
  const add = (section: Map<string, Json[]>, name: string, value: Json): void => {
    const known = section.get(name) ?? []
    section.set(name, known)
    if (!known.some((one) => JSON.stringify(one) === JSON.stringify(value))) known.push(value)
  }
  for (const ref of refsOf(nodes)) {
    const name = identityName(ref, graph)
    if (ref.type === 'llm' || ref.type === 'encoder') add(found.models, ref.name, ref.identity as Json)
    else if (ref.type === 'prompt')
      add(found.prompts, name, sha256(canonicalBytes('prompt', ref.value as CanonicalValue)))
    else if (ref.type === 'dataset') {
      const { corpus, queries, qrels } = ref.parts
      if (corpus !== undefined) add(found.datasets, `${name}/corpus`, sources.part(corpus) as Json)
      if (queries !== undefined) add(found.datasets, `${name}/queries`, sources.part(queries) as Json)
      if (qrels !== undefined) add(found.datasets, `${name}/qrels/${ref.split ?? 'all'}`, sources.part(qrels) as Json)
    }
  }
  return { datasets: folded(found.datasets), models: folded(found.models), prompts: folded(found.prompts) }
}

/** Names that a graph can have identities for: datasets, models, and prompts by their paths from the pipeline. */
export function identityNames(graph: Graph): { [section in keyof Identities]: ReadonlySet<string> } {
  const names = { datasets: new Set<string>(), models: new Set<string>(), prompts: new Set<string>() }
  for (const ref of refsOf(graph.nodes.values())) {
    const name = identityName(ref, graph)
    if (ref.type === 'llm' || ref.type === 'encoder') names.models.add(name)
    else if (ref.type === 'prompt') names.prompts.add(name)
    else if (ref.type === 'dataset')
      for (const part of ['corpus', 'queries', `qrels/${ref.split ?? 'all'}`]) names.datasets.add(`${name}/${part}`)
  }
  return names
}

function* refsOf(nodes: Iterable<GraphNode>): Generator<InputRef> {
  for (const node of nodes) yield* node.inputs.values()
}

function identityName(ref: InputRef, { pipeline }: Graph): string {
  if (ref.type === 'dataset' || ref.type === 'llm' || ref.type === 'encoder') return ref.name
  if (ref.type !== 'prompt') return ''
  // What lies outside of the project lies elsewhere on another machine.
  const inProject = relative(pipeline.root, ref.path)
  if (inProject.startsWith('..') || isAbsolute(inProject)) return basename(ref.path)
  return relative(dirname(pipeline.file), ref.path).split(sep).join('/')
}

function folded(section: ReadonlyMap<string, Json[]>): ReadonlyMap<string, Json> {
  const text = (value: Json): string => JSON.stringify(value)
  const sorted = (values: Json[]): Json[] => values.sort((a, b) => (text(a) < text(b) ? -1 : 1))
  return new Map([...section].map(([name, values]) => [name, values.length === 1 ? values[0]! : sorted(values)]))
}
