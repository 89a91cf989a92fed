import type { Json } from '../define.ts'
import type { SymbolicStage } from './define.ts'
import { datasetReference, stageReference } from './reference.ts'

/** The stages of a pipeline as written, by name. */
export type Stages = { readonly [name: string]: SymbolicStage }

/** A measured model and what it was trained on, as far as references written in place lead. */
export interface System {
  /** Names of its stages. */
  eval: string
  train: string
  mix?: string
  /** Sources of the mix that a language model wrote. */
  written: readonly WrittenSource[]
  /** Datasets whose corpora the training pairs descend from; undefined where that is not known. */
  corpora: readonly string[] | undefined
}

/** A source of a mix with queries of a language model. */
interface WrittenSource {
  /** Its place in the mix's `pairs`. */
  index: number
  /** From the stage that the mix reads (the last filter, say) up to the `generate` stage. */
  chain: readonly [string, ...string[]]
}

/** The systems of a pipeline: each `eval` of a model that a `train` stage makes, in the order of the file. */
export function findSystems(stages: Stages): System[] {
  return Object.keys(stages).flatMap((name): System[] => {
    const stage = stages[name]!
    if (stage.uses !== 'eval') return []
    const train = usedBy(stages, stage.with.model, 'train')
    if (train === undefined) return []
    const mix = usedBy(stages, stages[train]!.with.data, 'mix')
    if (mix === undefined) return [{ eval: name, train, written: [], corpora: undefined }]
    const written: WrittenSource[] = []
    const corpora = new Set<string | undefined>()
    for (const [index, source] of sourcesOf(stages[mix]!).entries()) {
      const chain = chainOf(stages, source.from)
      if (chain && stages[chain.at(-1)!]!.with.model !== undefined) written.push({ index, chain })
      corpora.add(corpusOf(stages, source.from, chain))
    }
    const known = [...corpora].filter((dataset) => dataset !== undefined)
    return [{ eval: name, train, mix, written, corpora: known.length === corpora.size ? known.sort() : undefined }]
  })
}

/** The sources of a mix, as far as they are written in place. */
export function sourcesOf({ with: { pairs } }: SymbolicStage): readonly { readonly [name: string]: Json }[] {
  return Array.isArray(pairs) ? pairs.map((source) => (isMap(source) ? source : {})) : []
}

/** Narrows a value to a map. */
export function isMap(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function usedBy(stages: Stages, value: Json | undefined, uses: string): string | undefined {
  const reference = stageReference(value)
  return reference && Object.hasOwn(stages, reference.stage) && stages[reference.stage]!.uses === uses
    ? reference.stage
    : undefined
}

function chainOf(stages: Stages, from: Json | undefined): [string, ...string[]] | undefined {
  const chain: string[] = []
  let next: Json | undefined = from
  for (;;) {
    const filter = usedBy(stages, next, 'filter')
    const generate = usedBy(stages, next, 'generate')
    const found = filter ?? generate
    // A circle of filters is reported where the graph is built.
    if (found === undefined || chain.includes(found)) return undefined
    chain.push(found)
    if (generate !== undefined) return chain as [string, ...string[]]
    next = stages[found]!.with.pairs
  }
}

function corpusOf(stages: Stages, from: Json | undefined, chain: readonly string[] | undefined): string | undefined {
  if (!chain) return datasetReference(from)?.dataset
  const sample = usedBy(stages, stages[chain.at(-1)!]!.with.passages, 'sample-corpus')
  return sample === undefined ? undefined : datasetReference(stages[sample]!.with.dataset)?.dataset
}
