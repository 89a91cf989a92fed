import { isDeepStrictEqual } from 'node:util'
import { compareUtf8 } from '../../cache/canonical.ts'
import type { DatasetFiles, Lineage, UpstreamPairs } from '../../stages/define.ts'
import type { InputRef, NodeId } from './node.ts'

/** Follows inputs up to the datasets whose corpus they descend from; nodes are entered in topological order. */
export class Lineages {
  readonly #corpora = new Map<NodeId, readonly string[]>()
  readonly #inputs = new Map<NodeId, ReadonlyMap<string, InputRef>>()
  readonly #pairs = new Map<NodeId, readonly UpstreamPairs[]>()

  /** Remembers what a node hands down; all nodes that it reads must have been entered. */
  enter(node: NodeId, inputs: ReadonlyMap<string, InputRef>, from: readonly string[] | undefined): void {
    this.#inputs.set(node, inputs)
    const names = new Set<string>()
    let only: readonly string[] | undefined
    for (const [name, ref] of inputs) {
      if (from && !from.some((wanted) => name === wanted || name.startsWith(`${wanted}/`))) continue
      const handed = this.#of(ref)
      only = names.size === 0 ? handed : undefined
      for (const corpus of handed) names.add(corpus)
    }
    this.#corpora.set(node, only && only.length === names.size ? only : [...names].sort(compareUtf8))
  }

  /** What a stage may ask about one of its nodes. */
  of(inputs: ReadonlyMap<string, InputRef>, files: (dataset: string) => DatasetFiles | undefined): Lineage {
    return {
      corpora: (input) => {
        const ref = inputs.get(input)
        if (ref) return this.#of(ref)
        const members = [...inputs].filter(([name]) => name.startsWith(`${input}/`))
        return [...new Set(members.flatMap(([, member]) => this.#of(member)))].sort(compareUtf8)
      },
      pairs: (input) => {
        const ref = inputs.get(input)
        return ref ? this.#pairsOf(ref) : []
      },
      dataset: (input) => {
        const ref = inputs.get(input)
        if (ref?.type !== 'dataset') return undefined
        return { name: ref.name, ...(ref.split === undefined ? {} : { split: ref.split }) }
      },
      prompt: (input) => {
        const ref = inputs.get(input)
        return ref?.type === 'prompt' ? ref.value : undefined
      },
      sameCorpus: (a, b) => a === b || isDeepStrictEqual(files(a)?.corpus ?? a, files(b)?.corpus ?? b),
      splits: (dataset) => Object.keys(files(dataset)?.qrels ?? {}).sort(compareUtf8),
    }
  }

  #of(ref: InputRef): readonly string[] {
    if (ref.type === 'stage') return this.#corpora.get(ref.node) ?? []
    return ref.type === 'dataset' ? [ref.name] : []
  }

  // By the places of inputs, never by names of nodes: keys must not depend on those.
  #pairsOf(ref: InputRef): readonly UpstreamPairs[] {
    if (ref.type !== 'stage') return []
    if (ref.kind === 'pairs') return [{ node: ref.node, output: ref.output, corpora: this.#of(ref) }]
    let pairs = this.#pairs.get(ref.node)
    if (!pairs) {
      const found = new Map<string, UpstreamPairs>()
      for (const [, input] of [...(this.#inputs.get(ref.node) ?? [])].sort(([a], [b]) => compareUtf8(a, b)))
        for (const one of this.#pairsOf(input)) found.set(`${one.node} ${one.output}`, one)
      pairs = [...found.values()]
      this.#pairs.set(ref.node, pairs)
    }
    return pairs
  }
}
