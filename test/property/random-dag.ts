import type { SeededRandom } from '../../engine/util/seeded-random.ts'

/** How a made-up command behaves. */
type Behaviour =
  /** Its output is its inputs, one after the other, and its own word. */
  | 'copies'
  /** Its output is its own word: what follows is cut off whatever its inputs were. */
  | 'ignores'
  /** Its output is its inputs' number of lines: often, but not always, the same for other inputs. */
  | 'counts'
  | 'fails'
  /** Fails the first time in every folder of tallies; has a retry. */
  | 'fails-once'
  /** The same without a retry. */
  | 'fails-once-for-good'

/** One stage of a made-up pipeline. */
export interface DagStage {
  name: string
  behaviour: Behaviour
  word: string
  /** Names of earlier stages, or of input files. */
  inputs: readonly string[]
}

const BEHAVIOURS: readonly Behaviour[] = ['copies', 'copies', 'copies', 'ignores', 'counts', 'counts']
const FAULTS: readonly Behaviour[] = ['fails', 'fails-once', 'fails-once-for-good']

/** Input files of every made-up pipeline. */
const FILES: readonly string[] = ['x.txt', 'y.txt']

/** A made-up pipeline of so many commands over two files; some fail if `faults` is given (one in so many). */
export function randomDag(random: SeededRandom, size: number, faults?: number): DagStage[] {
  const stages: DagStage[] = []
  for (let i = 0; i < size; i++) {
    const before = [...FILES, ...stages.slice(-6).map(({ name }) => name)]
    const inputs = before.filter(() => random.below(before.length) < 2)
    if (inputs.length === 0) inputs.push(before[random.below(before.length)]!)
    const kinds = faults !== undefined && random.below(faults) === 0 ? FAULTS : BEHAVIOURS
    // Few words, so that some stages are the same piece of work.
    stages.push({
      name: `s${i}`,
      behaviour: kinds[random.below(kinds.length)]!,
      word: `w${random.below(4)}`,
      inputs,
    })
  }
  return stages
}

/** The pipeline as a file. Every attempt of a command adds a line to `$TALLY/NAME OF ITS WORK`. */
export function dagYaml(stages: readonly DagStage[]): string {
  const names = new Set(stages.map(({ name }) => name))
  const blocks = stages.map(({ name, behaviour, word, inputs }) => {
    const refs = inputs.map((input, i) => `i${i}: "${names.has(input) ? `\${stages.${input}.out}` : input}"`)
    const retry = behaviour === 'fails-once' ? '\n    retry: { attempts: 2, backoff: 1ms }' : ''
    return `  ${name}:
    uses: command
    pass_env: [TALLY]${retry}
    with:
      run: ${JSON.stringify(script(behaviour, word, inputs.length))}
      inputs: { ${refs.join(', ')} }
      outputs: { out: out.txt }
`
  })
  return `version: 1\nname: dag\nstages:\n${blocks.join('')}`
}

function script(behaviour: Behaviour, word: string, inputs: number): string {
  const all = Array.from({ length: inputs }, (_, i) => `i${i}`).join(' ')
  // The tally is named by what the work is: the command and its inputs.
  const tally = `t="$TALLY/$( { echo ${behaviour} ${word}; for f in ${all}; do cksum < $f; done; } | cksum | cut -d ' ' -f 1)"; echo . >> "$t"; `
  switch (behaviour) {
    case 'copies':
      return `${tally}cat ${all} > out.txt; echo ${word} >> out.txt`
    case 'ignores':
      return `${tally}echo ${word} > out.txt`
    case 'counts':
      return `${tally}cat ${all} | wc -l > out.txt`
    case 'fails':
      return `${tally}echo ${word} > out.txt; exit 3`
    case 'fails-once':
    case 'fails-once-for-good':
      return `${tally}cat ${all} > out.txt; [ $(wc -l < "$t") -ge 2 ]`
  }
}

/** What a model of the engine says of one run: what each stage's work is, and how it ends. */
export interface Expected {
  /** Stage to its output, of those that have one. */
  outputs: { [stage: string]: string }
  failed: string[]
  skipped: string[]
  /** Attempts by piece of work. */
  attempts: { [work: string]: number }
  /** Work that ended well, whenever it did. */
  done: Set<string>
}

/** Runs the pipeline in thought. `done` and `tried` are what earlier runs left. */
export function modelRun(
  stages: readonly DagStage[],
  files: { readonly [name: string]: string },
  earlier: { done: ReadonlySet<string>; tried: ReadonlyMap<string, number> },
): Expected {
  const outputs: { [stage: string]: string } = {}
  const known: { [input: string]: string } = { ...files }
  const expected: Expected = { outputs, failed: [], skipped: [], attempts: {}, done: new Set(earlier.done) }
  for (const { name, behaviour, word, inputs } of stages) {
    const texts = inputs.map((input) => known[input])
    if (texts.some((text) => text === undefined)) {
      expected.skipped.push(name)
      continue
    }
    const joined = texts.join('')
    const output = outputOf(behaviour, word, joined)
    const work = JSON.stringify([behaviour, word, texts])
    if (!expected.done.has(work)) {
      const tried = (earlier.tried.get(work) ?? 0) + (expected.attempts[work] ?? 0)
      const attempts = behaviour === 'fails-once' && tried === 0 ? 2 : 1
      expected.attempts[work] = (expected.attempts[work] ?? 0) + attempts
      if (behaviour === 'fails' || (behaviour === 'fails-once-for-good' && tried === 0)) {
        expected.failed.push(name)
        continue
      }
      expected.done.add(work)
    }
    known[name] = output
    outputs[name] = output
  }
  return expected
}

function outputOf(behaviour: Behaviour, word: string, joined: string): string {
  switch (behaviour) {
    case 'ignores':
      return `${word}\n`
    case 'counts':
      return `${joined.split('\n').length - 1}\n`
    case 'copies':
      return `${joined}${word}\n`
    default:
      return joined
  }
}
