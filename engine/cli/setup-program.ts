import { Argument, type Command } from 'commander'
import { SHELLS, type Shell } from './completion/shells.ts'
import type { ExitStatus } from './exit-status.ts'
import { bareCommands, type MakeCommand } from './make-command.ts'
import type { CommonOptions } from './options.ts'
import type { SelectionOptions } from './selection-options.ts'

/** Options of `init`. */
export interface InitCommandOptions {
  from?: string
  output?: string
  yes?: boolean
  json?: boolean
}

/** Options of `watch` beside the common ones. */
export interface WatchCommandOptions extends SelectionOptions {
  run?: boolean
}

/** Adds the commands of somebody who begins: a first pipeline, what the machine lacks, what a saved file changes. */
export function addSetupCommands(
  program: Command,
  { command, chooser }: { command: MakeCommand; chooser: MakeCommand },
  ended: (status: ExitStatus) => void,
): void {
  const bare = bareCommands(program)

  bare(
    'init [CORPUS]',
    'Look at a collection and write a commented pipeline for it, with a prompt beside it.',
    'queryloom init path/to/corpus.csv',
    'CORPUS is a folder in the form of BEIR or MS MARCO, a folder of texts, or a .jsonl, .csv, .tsv or .parquet file.',
    'On a terminal a few questions are asked. Nothing that is there already is overwritten.',
  )
    .option('--from <SOURCE>', 'a collection that BEIR publishes (beir:scifact), or a path, instead of CORPUS')
    .option('-o, --output <FILE>', 'the pipeline to write (default: the name of the collection, with .yaml)')
    .option('-y, --yes', 'ask nothing: take what would be proposed')
    .option('--json', 'print for programs; asks nothing')
    .action(async (corpus: string | undefined, options: InitCommandOptions) => {
      ended(await (await import('./commands/init.ts')).initCommand(corpus, options))
    })

  command(
    'doctor [FILE]',
    'Tell what this machine has and lacks, and with FILE whether all that the pipeline needs can be reached.',
    'queryloom doctor pipelines/scifact.yaml',
    'No model is asked for anything. Exit status: 0 if nothing is broken, 1 if something is, 2 if FILE is invalid.',
  ).action(async (file: string | undefined, options: CommonOptions) => {
    ended(await (await import('./commands/doctor.ts')).doctorCommand(file, options))
  })

  chooser(
    'watch <FILE> [STAGE...]',
    'Plan again whenever the pipeline, or a file that it reads, is saved, and tell what that changes.',
    'queryloom watch pipelines/quickstart/quickstart.yaml --run',
    'Ctrl-C ends it. With --json, each plan is one line, as plan --json has it.',
  )
    .option('--run', 'run it each time that something is to be done')
    .action(async (file: string, names: string[], options: WatchCommandOptions) => {
      ended(await (await import('./commands/watch.ts')).watchCommand(file, names, options))
    })

  bare(
    'schema',
    'Print the JSON Schema of pipeline files, for editors.',
    'queryloom schema > pipeline.schema.json',
    'Name it in the first line of a pipeline: # yaml-language-server: $schema=pipeline.schema.json',
  ).action(async () => {
    ended(await (await import('./commands/schema.ts')).schemaCommand())
  })

  bare(
    'completion',
    'Print what a shell reads to complete commands, options, files and the names of stages.',
    'queryloom completion bash',
    'bash: put `source <(queryloom completion bash)` into ~/.bashrc. zsh: the same with zsh into ~/.zshrc, after compinit.',
    'fish: queryloom completion fish > ~/.config/fish/completions/queryloom.fish',
  )
    .addArgument(new Argument('<SHELL>').choices(SHELLS))
    .action(async (shell: Shell) => {
      ended((await import('./commands/completion.ts')).completionCommand(shell))
    })

  program.command('complete [WORD...]', { hidden: true }).action(async (words: string[]) => {
    ended(await (await import('./commands/completion.ts')).completeCommand(program, words))
  })
}
