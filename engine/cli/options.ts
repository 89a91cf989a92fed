import { type Command, InvalidArgumentError, Option } from 'commander'

/** Options that all commands have. */
export interface CommonOptions {
  param: { readonly [name: string]: string }
  params: readonly string[]
  only: { readonly [axis: string]: readonly string[] }
  home?: string
  out?: string
  jobs?: number
  /** Only this remote; `true`: all of them, asked now; `false`: none. */
  remote?: string | boolean
  json?: boolean
  plain?: boolean
  quiet?: boolean
}

/** Gives a command the options that all of them have. */
export function withCommonOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-p, --param <NAME=VALUE>', 'set a param of the pipeline (repeatable)')
        .default({}, 'as written in the file')
        .argParser((text: string, known: { readonly [name: string]: string }) => {
          const [name, value] = assignment(text)
          return { ...known, [name]: value }
        }),
    )
    .addOption(
      new Option('--params <FILE>', 'a YAML file with values of params (repeatable; -p wins)')
        .default([], 'none')
        .argParser((file: string, known: readonly string[]) => [...known, file]),
    )
    .addOption(
      new Option('--only <AXIS=VALUE>', 'keep only these variants of a sweep (repeatable)')
        .default({}, 'all variants')
        .argParser((text: string, known: { readonly [axis: string]: readonly string[] }) => {
          const [axis, value] = assignment(text)
          const before = Object.hasOwn(known, axis) ? (known[axis] as readonly string[]) : []
          return { ...known, [axis]: [...before, value] }
        }),
    )
    .option('--home <DIR>', 'the store (default: .queryloom at the root of the project)')
    .option('--out <DIR>', 'where outputs can be looked at (default: out at the root of the project)')
    .option('-j, --jobs <N>', 'CPU slots (default: the number of processors)', wholeNumber)
    .option('--remote [NAME]', 'use this remote only; plan asks it (or all of them) what it has now')
    .option('--no-remote', 'use no remote')
    .option('--json', 'print for programs')
    .option('--plain', 'plain lines, even on a terminal')
    .option('--quiet', 'say only what went wrong')
}

function assignment(text: string): [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('It must have the form NAME=VALUE.')
  return [text.slice(0, equals), text.slice(equals + 1)]
}

/** A whole number from 1, as an option's value. */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number from 1.')
  return value
}

/** An amount of money, in whatever currency the prices are in. */
export function amountOfMoney(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be an amount such as 2.50.')
  return value
}

/** Which queries to show of a comparison: `worst:20`, `best:5`, `worst`. */
export function whichQueries(text: string): { order: 'worst' | 'best'; count: number } {
  const found = /^(worst|best)(?::([1-9]\d{0,4}))?$/.exec(text)
  if (!found) throw new InvalidArgumentError('It must be worst:N or best:N.')
  return { order: found[1] as 'worst' | 'best', count: Number(found[2] ?? 20) }
}
