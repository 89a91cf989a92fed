import type { ExitStatus } from './exit-status.ts'
import type { MakeCommand } from './make-command.ts'
import type { CommonOptions } from './options.ts'
import type { SelectionOptions } from './selection-options.ts'

/** Options of `push` beside the common ones. */
export interface PushCommandOptions extends SelectionOptions {
  key?: string
  repair?: boolean
}

/** Options of `pull` beside the common ones. */
export interface PullCommandOptions extends SelectionOptions {
  all?: boolean
}

/** Adds the commands that exchange results with remotes. */
export function addRemoteCommands(command: MakeCommand, ended: (status: ExitStatus) => void): void {
  command(
    'push <FILE> [STAGE...]',
    'Bring the results that are up to date, and the answers they were made from, to a remote.',
    'queryloom push pipelines/scifact.yaml --remote lab',
    'Everything is signed with your key (see docs/sharing.md). What is there already is not sent again.',
  )
    .option('--key <NAME>', 'sign with this key (default: the only one, or the one called default)')
    .option('--repair', 'send what seems to be there too: mends files that were damaged there')
    .action(async (file: string, names: string[], options: PushCommandOptions) => {
      ended(await (await import('./commands/push.ts')).pushCommand(file, names, options))
    })

  command(
    'pull <FILE> [STAGE...]',
    'Fetch what a run would fetch from remotes: results, and answers of models that are still needed.',
    'queryloom pull pipelines/scifact.yaml',
    'A run does so by itself; after a pull it needs no network. Everything is verified before it is used.',
  )
    .option('--all', 'fetch everything that the remotes have, of whatever pipeline')
    .action(async (file: string, names: string[], options: PullCommandOptions) => {
      ended(await (await import('./commands/pull.ts')).pullCommand(file, names, options))
    })

  command(
    'remotes',
    'List the remotes that are configured for the project that the current folder is in.',
    'queryloom remotes',
  ).action(async (options: CommonOptions) => {
    ended(await (await import('./commands/remotes.ts')).remotesCommand(options))
  })
}
