import type { Json } from '../define.ts'
import type { Derivation } from './derivation.ts'
import { datasetReference, stageReference, withStage } from './reference.ts'
import { isMap, type Stages, sourcesOf } from './system.ts'
import { type DeriveSources, replaceWritten } from './trained.ts'

/** The labelled sources of the mix; where it has none, the train split of the dataset that is augmented. */
export const labelledPairs: DeriveSources = ({ mix, corpora, eval: measured }, stages) => {
  const labelled = sourcesOf(stages[mix]!).filter(({ from }) => datasetReference(from))
  if (labelled.length > 0) return labelled
  const [dataset, ...others] = corpora ?? []
  if (dataset === undefined || others.length > 0)
    return {
      message: `the mix \`${mix}\` has no labelled pairs, and its queries were not written for one dataset whose own could be taken`,
      advice: 'Add a labelled source to it, or leave this baseline out.',
    }
  const { dataset: searched, split = 'test' } = stages[measured]!.with
  if (split === 'train' && datasetReference(searched)?.dataset === dataset)
    return { message: `the labelled pairs of \`${dataset}\` are those that \`${measured}\` measures on` }
  return [{ from: `\${datasets.${dataset}.train}` }]
}

/** The same mix with spans of the passages for queries, filtered as the queries are. */
export const crops: DeriveSources = (system, stages, into) => {
  for (const { chain } of system.written)
    for (const name of chain.slice(0, -1))
      if (!Array.isArray(stages[name]!.with.steps))
        return {
          message: `the steps of \`${name}\` are not written in place`,
          advice: 'A crop is copied from its passage: `copied` must be taken out of them.',
        }
  return replaceWritten(system, stages, (source, chain) => ({
    ...source,
    from: withStage(stageReference(source.from)!, cropped(chain, stages, into)),
  }))
}

/** The same mix with its written queries paired with wrong passages. */
export const shuffledQueries: DeriveSources = (system, stages) =>
  replaceWritten(system, stages, (source) => ({ ...source, shuffle: true }))

/** Adds the crops of a chain of filters over a `generate`; returns the name of its last stage. */
function cropped(chain: readonly string[], stages: Stages, into: Derivation): string {
  const filters = chain.slice(0, -1)
  const generate = chain.at(-1)!
  const { passages, per_passage, seed } = stages[generate]!.with
  const crop = cropBounds(filters.flatMap((name) => stepsOf(name, stages)))
  let last = into.add(generate, { passages, crop, per_passage, seed })
  for (const name of filters.reverse()) {
    const options = stages[name]!.with
    // A crop is copied from its passage: this step would drop every one.
    const steps = stepsOf(name, stages).filter((step) => !(isMap(step) && 'copied' in step))
    last = into.add(name, { ...options, pairs: withStage(stageReference(options.pairs)!, last), steps })
  }
  return last
}

function stepsOf(name: string, stages: Stages): Json[] {
  const { steps } = stages[name]!.with
  return Array.isArray(steps) ? steps : []
}

/** Lengths of crops that `length` steps let pass, as near to the default of 4 to 12 words as they can be. */
function cropBounds(steps: readonly Json[]): { [name: string]: Json } {
  let low = 1
  let high = Number.POSITIVE_INFINITY
  for (const step of steps) {
    if (!isMap(step) || !isMap(step.length)) continue
    const { min_words, max_words } = step.length
    if (typeof min_words === 'number') low = Math.max(low, min_words)
    if (typeof max_words === 'number') high = Math.min(high, max_words)
  }
  if (low <= 4 && high >= 12) return {}
  const within = (words: number): number => Math.max(low, Math.min(high, words))
  return { min_words: within(4), max_words: within(12) }
}
