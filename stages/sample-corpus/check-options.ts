import type { SampleOptions } from './stage.ts'

interface Found {
  at: string
  message: string
  advice?: string
}

type Strategy = SampleOptions['strategy']

/** Options that only some strategies have. */
const BELONGS: readonly [
  option: 'field' | 'model' | 'method' | 'clusters' | 'ranks' | 'probes',
  to: readonly Strategy[],
][] = [
  ['field', ['stratified', 'weighted']],
  ['model', ['diverse', 'uncertain']],
  ['method', ['diverse']],
  ['clusters', ['diverse']],
  ['ranks', ['uncertain']],
  ['probes', ['uncertain']],
]

/** What a schema can't say of the options of `sample-corpus`. */
export function checkOptions(options: SampleOptions): Found[] {
  const { strategy, min_words, max_words, chunk, ranks, method, clusters } = options
  const problems: Found[] = sizeProblems(options)
  for (const [option, strategies] of BELONGS)
    if (options[option] !== undefined && !strategies.includes(strategy))
      problems.push({
        at: option,
        message: `\`strategy: ${strategy}\` has no \`${option}\``,
        advice: `It belongs to ${strategies.map((one) => `\`${one}\``).join(' and ')}.`,
      })
  if ((strategy === 'stratified' || strategy === 'weighted') && options.field === undefined)
    problems.push({
      at: 'strategy',
      message: `\`strategy: ${strategy}\` needs \`field\``,
      advice: 'Name the column or JSON member of the corpus, e.g. `field: metadata.topic`.',
    })
  if (strategy === 'diverse' && options.model === undefined)
    problems.push({
      at: 'strategy',
      message: '`strategy: diverse` needs `model`',
      advice: 'Name the encoder that tells passages apart, e.g. `model: ${stages.NAME.model}`.',
    })
  if (clusters !== undefined && method !== 'k_means' && strategy === 'diverse')
    problems.push({ at: 'clusters', message: '`clusters` belongs to `method: k_means`' })
  if (ranks !== undefined && ranks[0] > ranks[1])
    problems.push({ at: 'ranks', message: `the window of ranks ends (${ranks[1]}) before it begins (${ranks[0]})` })
  if (chunk !== undefined && chunk.overlap >= chunk.words)
    problems.push({
      at: 'chunk/overlap',
      message: `windows of ${chunk.words} words can't share ${chunk.overlap}`,
      advice: 'The overlap must be smaller than the window.',
    })
  if (max_words !== undefined && max_words < min_words)
    problems.push({ at: 'max_words', message: `max_words (${max_words}) is below min_words (${min_words})` })
  return problems
}

function sizeProblems({ strategy, fraction, count, budget }: SampleOptions): Found[] {
  const sizes = Object.entries({ fraction, count, budget }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  )
  const [first, second] = sizes
  if (strategy === 'all')
    return first === undefined
      ? []
      : [
          {
            at: first,
            message: '`strategy: all` takes every passage',
            advice: 'Use `strategy: random`, or leave this out.',
          },
        ]
  if (first === undefined)
    return [
      {
        at: '',
        message: `a ${strategy} sample needs \`fraction\` or \`count\``,
        advice: 'Add `fraction: 0.5`, say, or `budget: auto`.',
      },
    ]
  if (second !== undefined)
    return [{ at: second, message: `\`${first}\` and \`${second}\` exclude each other`, advice: 'Keep one of them.' }]
  return []
}
