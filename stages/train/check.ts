import { type Problem, StageError } from '../define.ts'
import { isStatic, parseBase } from './base.ts'
import { basePrefixes } from './base-prefixes.ts'
import { LOSS_OPTIONS, lossOf } from './loss.ts'
import type { TrainOptions } from './options.ts'

interface OptionProblem {
  at: string
  message: string
  advice?: string
}

/** Options that only one of the two kinds of base has. */
const OF_TRANSFORMERS = [
  'reinitialise',
  'max_length',
  'weight_decay',
  'max_grad_norm',
  'precision',
  'int8',
  'device',
  'processes',
  'micro_batch',
  'halve_on_oom',
  'gradient_checkpointing',
  'checkpoint_every',
  'trust_remote_code',
] as const satisfies (keyof TrainOptions)[]
const OF_TABLES = ['tune'] as const satisfies (keyof TrainOptions)[]

/** What the schema can't say of the options of `train`. */
export function checkOptions(options: TrainOptions): OptionProblem[] {
  const base = parseBase(options.base)
  if ('message' in base) return [{ at: 'base', ...base }]
  const problems: OptionProblem[] = []
  const { data, dev, budget, select, tune, prefixes } = options
  if (data === undefined && !(budget && 'steps' in budget && budget.steps === 0))
    problems.push({
      at: '',
      message: 'there is no `data` to train on',
      advice: 'Name some: `data: ${stages.NAME.training}`; or ask for the untrained model: `budget: {steps: 0}`.',
    })
  for (const [at, chosen] of [
    ['select', select === 'dev'],
    ['tune', tune === 'dev'],
  ] as const)
    if (chosen && dev === undefined)
      problems.push({ at, message: `\`${at}: dev\` needs a \`dev\` set`, advice: 'Add `dev: ${stages.NAME.dev}`.' })
  const table = isStatic(base)
  const strangers = table === true ? OF_TRANSFORMERS : table === false ? OF_TABLES : []
  for (const name of strangers)
    if (options[name] !== undefined && options[name] !== 0)
      problems.push({
        at: name,
        message: table ? `a static model has no \`${name}\`` : `\`${name}\` is for static models`,
        advice: 'Leave this out.',
      })
  problems.push(...tokenizerProblems(options, base.kind === 'static-random' || base.kind === 'random'))
  problems.push(...lossProblems(options, table))
  const names = basePrefixes(base, prefixes)
  if (names instanceof StageError)
    problems.push({ at: prefixes === undefined ? 'base' : 'prefixes', ...problemOf(names) })
  return problems
}

function problemOf({ message, advice }: StageError): Problem {
  return { message, ...(advice === undefined ? {} : { advice }) }
}

function tokenizerProblems({ tokenizer, vocabulary_size }: TrainOptions, hasNone: boolean): OptionProblem[] {
  const problems: OptionProblem[] = []
  if (!hasNone && tokenizer !== undefined)
    problems.push({ at: 'tokenizer', message: 'a base model keeps its own tokenizer', advice: 'Leave this out.' })
  const learned = hasNone && !(tokenizer instanceof Object && '$input' in tokenizer)
  if (vocabulary_size !== undefined && (!learned || explicitSize(tokenizer) !== undefined))
    problems.push({
      at: 'vocabulary_size',
      message: learned ? 'the size of the vocabulary is given twice' : 'no vocabulary is learned here',
      advice: 'Leave this out.',
    })
  return problems
}

function lossProblems(
  { loss, symmetric, micro_batch, halve_on_oom, processes = 1 }: TrainOptions,
  table: boolean | undefined,
): OptionProblem[] {
  const problems: OptionProblem[] = []
  const { name, options, guide } = lossOf(loss)
  if (table && name !== 'MultipleNegativesRankingLoss')
    problems.push({ at: 'loss', message: `static models are not trained with ${name} here`, advice: 'Leave this out.' })
  for (const option of [...Object.keys(options), ...(guide === undefined ? [] : ['guide'])])
    if (!LOSS_OPTIONS[name].includes(option) || table)
      problems.push({
        at: `loss/${option}`,
        message: table ? `static models know no \`${option}\`` : `${name} has no \`${option}\``,
        advice: 'Leave this out.',
      })
  if (name.endsWith('GISTEmbedLoss') && guide === undefined)
    problems.push({ at: 'loss', message: `${name} needs a guide`, advice: 'Add `guide: ${stages.NAME.model}`.' })
  const isRanking = name.endsWith('MultipleNegativesRankingLoss')
  if (symmetric && !isRanking)
    problems.push({ at: 'symmetric', message: `${name} has one direction`, advice: 'Leave this out.' })
  for (const [at, given] of [
    ['micro_batch', micro_batch !== undefined],
    ['halve_on_oom', halve_on_oom === true],
  ] as const)
    if (given && !name.startsWith('Cached'))
      problems.push({
        at,
        message: `${name} holds the whole batch in memory`,
        advice: `Take Cached${isRanking ? 'MultipleNegativesRankingLoss' : 'GISTEmbedLoss'}.`,
      })
  // One process can't go back alone: the others wait for its share of the batch.
  if (halve_on_oom && processes > 1)
    problems.push({
      at: 'halve_on_oom',
      message: `${processes} processes share each batch, and can't go back to its start together`,
      advice: 'Leave this out and name a smaller `micro_batch`.',
    })
  return problems
}

function explicitSize(tokenizer: TrainOptions['tokenizer']): number | undefined {
  return tokenizer instanceof Object && 'corpus' in tokenizer ? tokenizer.size : undefined
}
