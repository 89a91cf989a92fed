import { compareUtf8 } from '../../cache/canonical.ts'
import type { DatasetFiles, Lineage } from '../../stages/define.ts'
import type { InputRef, NodeId } from './node.ts'

/** Follows inputs up to the datasets whose corpus they descend from; nodes are entered in topological order. */
export class Lineages {
  readonly #corpora = new Map<NodeId, readonly string[]>()

  /** Remembers what a node hands down; all nodes that it reads must have been entered. */
  enter(node: NodeId, inputs: ReadonlyMap<string, InputRef>, from: readonly string[] | undefined): void {
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
      dataset: (input) => {
        const ref = inputs.get(input)
        if (ref?.type !== 'dataset') return undefined
        return { name: ref.name, ...(ref.split === undefined ? {} : { split: ref.split }) }
      },
      prompt: (input) => {
        const ref = inputs.get(input)
        return ref?.type === 'prompt' ? ref.value : undefined
      },
      splits: (dataset) => Object.keys(files(dataset)?.qrels ?? {}).sort(compareUtf8),
    }
  }

  #of(ref: InputRef): readonly string[] {
    if (ref.type === 'stage') return this.#corpora.get(ref.node) ?? []
    return ref.type === 'dataset' ? [ref.name] : []
  }
}
