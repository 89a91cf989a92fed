import type { ExitStatus } from './exit-status.ts'
import type { MakeCommand } from './make-command.ts'
import { type CommonOptions, wholeNumber } from './options.ts'

/** Options of `audit` beside the common ones. */
export interface AuditCommandOptions extends CommonOptions {
  count: number
  seed: number
  idle: number
  open: boolean
  export?: string
  import?: string
}

/** Adds the command by which people judge what models wrote. */
export function addAuditCommand(command: MakeCommand, ended: (status: ExitStatus) => void): void {
  command(
    'audit <FILE> <STAGE>',
    'Judge what a stage wrote, on a page of this machine: queries and their passages, or the pool of a judge stage.',
    'queryloom audit pipelines/scifact.yaml queries',
    'All variants of the stage are judged blindly, on the same passages. Each judgement is saved at once in the store, by the texts it is about.',
    'The page is for this machine alone. It ends with Ctrl-C, or when nobody has used it for a while.',
  )
    .option('--count <N>', 'judge so many queries of each variant', wholeNumber, 100)
    .option('--seed <N>', 'seed of the sample', wholeNumber, 1)
    .option('--idle <MINUTES>', 'end when nobody has used the page for so long', wholeNumber, 60)
    .option('--no-open', 'only print the address of the page')
    .option('--export <FILE>', 'write what was said of the stage as JSON Lines (-: to standard output), and end')
    .option('--import <FILE>', 'take in what --export wrote elsewhere, and end')
    .action(async (file: string, name: string, options: AuditCommandOptions) => {
      ended(await (await import('./commands/audit.ts')).auditCommand(file, name, options))
    })
}
