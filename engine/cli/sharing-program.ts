import { type Command, InvalidArgumentError, Option } from 'commander'
import { byteSize } from '../util/byte-size.ts'
import type { ExitStatus } from './exit-status.ts'
import { bareCommands } from './make-command.ts'
import { type CommonOptions, withCommonOptions } from './options.ts'

/** Options of `export` beside the common ones. */
export interface ExportCommandOptions extends CommonOptions {
  output: string
  with?: readonly string[]
  results?: boolean
  rows?: boolean
  withData?: boolean
  sign?: string | true
}

/** Options of `import`. */
export interface ImportCommandOptions {
  unsigned?: boolean
  maxSize: number
  json?: boolean
  quiet?: boolean
}

/** Options of `trust` beside the common ones. */
export interface TrustCommandOptions extends CommonOptions {
  revoke?: boolean
}

/** Bytes; `--max-size` allows more. */
const MAX_SIZE: number = 16 * 1024 ** 3

/** Adds `export`, `import` and `trust`; what they do is loaded when one is called. */
export function addSharingCommands(program: Command, ended: (status: ExitStatus) => void): void {
  const command = bareCommands(program)

  withCommonOptions(
    command(
      'export <FILE>',
      'Write a pipeline and the files that it names into one file, which others can import.',
      'queryloom export pipelines/scifact.yaml -o scifact.qlb --results --rows --sign',
      'The same inputs give the same bytes on every machine. Data files above 1 MiB are left out without --with-data.',
    ),
  )
    .requiredOption('-o, --output <BUNDLE>', 'the file to write')
    .option(
      '--with <STAGE>',
      'with the results of this stage or node and of what it needs (repeatable)',
      (name: string, before: readonly string[] = []): readonly string[] => [...before, name],
    )
    .option('--results', 'with the results of all stages')
    .option('--rows', 'with the stored answers of language models that the pipeline asks for')
    .option('--with-data', 'with data and model files of any size')
    .option('--sign [KEY]', 'sign it with this key of yours (default: the only one, or the one called default)')
    .action(async (file: string, options: ExportCommandOptions) => {
      ended(await (await import('./commands/export.ts')).exportCommand(file, options))
    })

  command(
    'import <BUNDLE> [DIR]',
    'Check a bundle and place its files into a new folder (default: its name, without the ending).',
    'queryloom import scifact.qlb',
    'All of it is checked before anything is placed. Nothing of it is executed before you trust it: see queryloom trust.',
  )
    .option('--unsigned', 'take it although no key that you trust signed it, and believe its results and answers')
    .addOption(
      new Option('--max-size <SIZE>', 'the most that it may unpack to').argParser(size).default(MAX_SIZE, '16 GiB'),
    )
    .option('--json', 'print for programs')
    .option('--quiet', 'say only what went wrong')
    .action(async (bundle: string, folder: string | undefined, options: ImportCommandOptions) => {
      ended(await (await import('./commands/import.ts')).importCommand(bundle, folder, options))
    })

  withCommonOptions(
    command(
      'trust <FILE>',
      'Show all that an imported pipeline would execute and contact; called again, allow exactly that.',
      'queryloom trust scifact/scifact.yaml',
      'The trust ends when any of it changes: then it is shown again.',
    ),
  )
    .option('--revoke', 'take the trust back')
    .action(async (file: string, options: TrustCommandOptions) => {
      ended(await (await import('./commands/trust.ts')).trustCommand(file, options))
    })
}

function size(text: string): number {
  const bytes = byteSize(text)
  if (bytes === undefined || bytes < 1) throw new InvalidArgumentError('It must be an amount such as 512MB or 8GiB.')
  return bytes
}
