import type { Json, Problem } from '../define.ts'
import { parseBase } from '../train/base.ts'
import type { Derivation } from './derivation.ts'
import { stageReference, withStage } from './reference.ts'
import { type Stages, type System, sourcesOf } from './system.ts'

/** The sources of a mix that stand in for a system's, or why there are none. */
export type DeriveSources = (
  system: System & { mix: string },
  stages: Stages,
  into: Derivation,
) => readonly { readonly [name: string]: Json }[] | Problem

/** Says so where a model is trained further that was trained before: what that one learned from is not followed. */
export function continuesModel({ train }: System, stages: Stages): Problem | undefined {
  if (!stageReference(stages[train]!.with.base)) return undefined
  return {
    message: `\`${train}\` trains a model further, and what that one learned from would stay as it is`,
    advice: 'Write this baseline as stages of your own.',
  }
}

/** Measures the system's model before training. */
export function untrained(system: System, stages: Stages, into: Derivation): void {
  into.measure(system.eval, { ...stages[system.eval]!.with, model: beforeTraining(system, stages, into) })
}

/** Measures BM25 and the system's model before training, fused: what is to be had without a single pair. */
export function fusedUntrained(system: System, stages: Stages, into: Derivation): void {
  const { model: _, ...measured } = stages[system.eval]!.with
  const model = beforeTraining(system, stages, into)
  into.measure(system.eval, { ...measured, retriever: { hybrid: ['bm25', { model }] } })
}

/** Options of `train` that say how a model reads texts, or what is left of the base, before the first step. */
const SHAPING = ['reinitialise', 'prefixes', 'max_length', 'trust_remote_code'] as const

/** The reference to the model before training: without data, so that nothing that shapes the data touches it. */
function beforeTraining(system: System, stages: Stages, into: Derivation): Json {
  const { base, tokenizer, vocabulary_size, seed, data, ...more } = stages[system.train]!.with
  const upstream = base !== undefined && stageReference(base) !== undefined
  if (upstream && SHAPING.every((name) => more[name] === undefined)) return base
  const [dataset, ...others] = system.corpora ?? []
  const shape = Object.fromEntries(SHAPING.map((name) => [name, more[name]]))
  const start = { base, vocabulary_size, seed, ...shape, budget: { steps: 0 } }
  const named = tokenizer !== undefined && tokenizer !== 'corpus'
  // A tokenizer is learned from the corpus that the data descends from. Data that leads to several, or to none that
  // can be told, is kept for its sake; so it is where the base may turn out to be a model, with a tokenizer of its own.
  const literal = typeof base === 'string' && !base.includes('${')
  const one = dataset !== undefined && others.length === 0 && literal
  const options = named
    ? { ...start, tokenizer }
    : upstream || (literal && hasTokenizer(base))
      ? start
      : one
        ? { ...start, tokenizer: { corpus: `\${datasets.${dataset}}` } }
        : { ...start, tokenizer, data }
  return `\${stages.${into.add(system.train, options)}.model}`
}

/** Whether a base is a model that is there already, or is distilled from one: its tokenizer comes with it. */
function hasTokenizer(base: string): boolean {
  const { kind } = parseBase(base) as { kind?: string }
  return kind === 'source' || kind === 'static-distilled'
}

/** Trains and measures as the system does, on a mix with other sources. */
export function trainedOn(
  derive: DeriveSources,
  system: System,
  stages: Stages,
  into: Derivation,
): Problem | undefined {
  const { mix } = system
  if (mix === undefined) return { message: `what \`${system.train}\` is trained on can't be followed to a mix` }
  const sources = derive({ ...system, mix }, stages, into)
  if ('message' in sources) return sources
  const data = into.add(mix, { ...stages[mix]!.with, pairs: [...sources] as Json[] })
  const options = stages[system.train]!.with
  const dev = stageReference(options.dev)
  const train = into.add(system.train, {
    ...options,
    data: withStage(stageReference(options.data)!, data),
    ...(dev?.stage === mix ? { dev: withStage(dev, data) } : {}),
  })
  const measured = stages[system.eval]!.with
  into.measure(system.eval, { ...measured, model: withStage(stageReference(measured.model)!, train) })
  return undefined
}

/** The sources of a system's mix, those that a language model wrote replaced. */
export function replaceWritten(
  { mix, written }: System & { mix: string },
  stages: Stages,
  replace: (source: { readonly [name: string]: Json }, chain: readonly string[]) => { [name: string]: Json },
): readonly { readonly [name: string]: Json }[] {
  return sourcesOf(stages[mix]!).map((source, i) => {
    const found = written.find(({ index }) => index === i)
    return found ? replace(source, found.chain) : source
  })
}
