import type { Problem } from '../define.ts'
import type { Baselines } from './define.ts'
import { Derivation } from './derivation.ts'
import { findSystems, type Stages, type System } from './system.ts'
import { continuesModel, fusedUntrained, trainedOn, untrained } from './trained.ts'
import { crops, labelledPairs, shuffledQueries } from './training-data.ts'

/** One baseline; `derive` adds what stands in a system's place, or says why that can't be. */
interface Kind {
  label: string
  description: string
  /** Whether it stands in for what a language model wrote, and needs a system that has some. */
  replaces: boolean
  derive(system: System, stages: Stages, into: Derivation): Problem | undefined
}

const KINDS: { readonly [name: string]: Kind } = {
  bm25: {
    label: 'BM25',
    description: "BM25 in the model's place.",
    replaces: false,
    derive(system, stages, into) {
      const { model: _, ...options } = stages[system.eval]!.with
      into.measure(system.eval, { ...options, retriever: 'bm25' })
      return undefined
    },
  },
  untrained: {
    label: 'untrained',
    description: 'The model as it is before training.',
    replaces: false,
    derive(system, stages, into) {
      untrained(system, stages, into)
      return undefined
    },
  },
  hybrid: {
    label: 'hybrid',
    description: 'BM25 and the model before training, fused by ranks.',
    replaces: false,
    derive(system, stages, into) {
      fusedUntrained(system, stages, into)
      return undefined
    },
  },
  labelled: {
    label: 'labelled',
    description:
      'The model trained on labelled pairs alone: those of the mix, or the train split of the augmented dataset.',
    replaces: true,
    derive: (system, stages, into) => trainedOn(labelledPairs, system, stages, into),
  },
  crop: {
    label: 'crop',
    description: 'Spans of the same passages, as many for each, in place of the queries of the language model.',
    replaces: true,
    derive: (system, stages, into) => trainedOn(crops, system, stages, into),
  },
  shuffled: {
    label: 'shuffled',
    description: 'The same queries and passages, but wrongly paired.',
    replaces: true,
    derive: (system, stages, into) => trainedOn(shuffledQueries, system, stages, into),
  },
}

const FOLLOWED = 'It is looked for along references written in place: eval `model`, train `data`, mix `pairs`'

/**
 * Derives baselines of every measured system whose model learns from queries of a language model (of every trained one
 * where there is no such system): the same stages with the same options, but for what the baseline is about.
 */
export const baselines: Baselines = {
  known: Object.fromEntries(Object.entries(KINDS).map(([name, { description }]) => [name, description])),
  derive(name, stages) {
    const kind = KINDS[name]!
    const trained = findSystems(stages)
    const augmented = trained.filter(({ written }) => written.length > 0)
    if (trained.length === 0)
      return { message: 'no `eval` measures a model that a `train` stage makes', advice: `${FOLLOWED}.` }
    if (kind.replaces && augmented.length === 0)
      return {
        message: 'no `eval` measures a model that was trained on queries of a language model',
        advice: `${FOLLOWED}, filter \`pairs\`, up to a \`generate\` with a model.`,
      }
    const into = new Derivation(name, kind.label, stages)
    const warnings: Problem[] = []
    for (const system of augmented.length > 0 ? augmented : trained) {
      const problem = kind.replaces ? continuesModel(system, stages) : undefined
      const wrong = problem ?? kind.derive(system, stages, into)
      if (wrong) return wrong
      if (kind.replaces && !hasFixedLength(system, stages))
        warnings.push({
          message: `\`${system.train}\` trains for as long as its data asks for, and the data of this baseline may ask for another number of steps`,
          advice: 'Give it `budget: {steps: …}`, so that all train equally long.',
        })
    }
    return { stages: into.finish(), warnings }
  },
}

function hasFixedLength({ train }: System, stages: Stages): boolean {
  const { budget } = stages[train]!.with
  // A budget that is a param is known only later, and most likely is one in steps.
  if (typeof budget === 'string') return true
  return budget instanceof Object && ('steps' in budget || 'samples_seen' in budget)
}
