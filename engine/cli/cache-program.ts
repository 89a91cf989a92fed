import { type Command, InvalidArgumentError } from 'commander'
import { byteSize } from '../util/byte-size.ts'
import type { ExitStatus } from './exit-status.ts'
import { bareCommands, groupOfCommands, type MakeCommand } from './make-command.ts'

/** Options that all commands of the cache have. */
export interface CacheOptions {
  home?: string
  json?: boolean
  quiet?: boolean
}

/** Options of `cache gc` beside those. */
export interface GcOptions extends CacheOptions {
  dryRun?: boolean
  maxSize?: number
  keepDays: number
}

/** Options of `cache rm` beside those. */
export interface RmOptions extends CacheOptions {
  yes?: boolean
  rows?: boolean
  file?: string
}

/** Options of `cache tag` beside those. */
export interface TagOptions extends CacheOptions {
  run?: string
}

/** Days for which results stay that nobody used. */
const KEEP_DAYS = 30

/** Adds `cache` with its commands; what they do is loaded when they are called. */
export function addCacheCommands(program: Command, ended: (status: ExitStatus) => void): void {
  const cache = groupOfCommands(
    program,
    'cache',
    'Look at what is stored, check it, and remove what nobody needs.',
    'queryloom cache gc --dry-run',
  )
  const bare = bareCommands(cache)
  const command: MakeCommand = (usage, what, example, ...notes) =>
    bare(usage, what, `queryloom cache ${example}`, ...notes)
      .option('--home <DIR>', 'the store (default: .queryloom at the root of the project)')
      .option('--json', 'print for programs')
      .option('--quiet', 'say only what went wrong')

  command('ls [FILE]', 'List the newest result of every node, of one pipeline or of all.', 'ls pipelines/scifact.yaml')
    .option('--all', 'also results that were removed, and of which only the record is left')
    .action(async (file: string | undefined, options: CacheOptions & { all?: boolean }) => {
      ended(await (await import('./commands/cache/ls.ts')).lsCommand(file, options))
    })

  command('du', 'Tell what the store takes room for: by kind, by pipeline, by model.', 'du').action(
    async (options: CacheOptions) => {
      ended(await (await import('./commands/cache/du.ts')).duCommand(options))
    },
  )

  command(
    'verify',
    'Read every stored byte and compare it with its digest; damaged files are set aside, and what needs them is made again.',
    'verify',
    'Exit status: 0 if all is well, 1 if something is damaged that was not told of before.',
  ).action(async (options: CacheOptions) => {
    ended(await (await import('./commands/cache/verify.ts')).verifyCommand(options))
  })

  command(
    'gc',
    'Remove results that nobody needs. What lockfiles, tags, live runs and links in out/ refer to stays, and so do answers of models.',
    'gc --dry-run --max-size 20GiB',
    'May be called at any time, beside runs too.',
  )
    .option('--dry-run', 'only tell what would go')
    .option(
      '--max-size <SIZE>',
      'trim results, longest unused first, to so much (default: the cap; see docs/caching.md)',
      size,
    )
    .option('--keep-days <N>', 'keep what was used in the last N days', days, KEEP_DAYS)
    .action(async (options: GcOptions) => {
      ended(await (await import('./commands/cache/gc.ts')).gcCommand(options))
    })

  command(
    'rm <WHAT...>',
    'Forget the results of nodes, of all nodes of stages, or of keys. Without --yes, only tell which.',
    "rm crop-model 'synthetic-model[train_seed=1]' --yes",
    'Answers of models stay, for they were paid for, unless --rows is said. run --reobserve asks models again.',
  )
    .option('-y, --yes', 'do it')
    .option(
      '--rows',
      'remove, instead of results, the answers that these nodes are made from: they must be paid for again',
    )
    .option('--file <FILE>', 'only of this pipeline (default: of all pipelines of the project)')
    .action(async (words: string[], options: RmOptions) => {
      ended(await (await import('./commands/cache/rm.ts')).rmCommand(words, options))
    })

  command(
    'tag <NAME> [FILE]',
    'Give the newest run a name; what it made and used is kept until the name is taken away.',
    'tag paper-v1 pipelines/scifact.yaml',
  )
    .option('--run <ID>', 'this run instead; the beginning of its id is enough')
    .action(async (name: string, file: string | undefined, options: TagOptions) => {
      ended(await (await import('./commands/cache/tag.ts')).tagCommand(name, file, options))
    })

  command('untag <NAME>', 'Take a name away again.', 'untag paper-v1').action(
    async (name: string, options: CacheOptions) => {
      ended(await (await import('./commands/cache/tag.ts')).untagCommand(name, options))
    },
  )
}

/** For how long results stay that nobody used, where `--keep-days` is not given. */
export const KEEP_MS: number = KEEP_DAYS * 24 * 3600_000

function size(text: string): number {
  const bytes = byteSize(text)
  if (bytes === undefined) throw new InvalidArgumentError('It must be an amount such as 20GiB or 500MB.')
  return bytes
}

function days(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 0) {
    throw new InvalidArgumentError('It must be a whole number from 0.')
  }
  return value
}
