import { Command } from 'commander'
import type { ExitStatus } from './exit-status.ts'
import { type CommonOptions, withCommonOptions } from './options.ts'

/** Options of `run` beside the common ones. */
export interface RunCommandOptions extends CommonOptions {
  failFast?: boolean
}

/** Options of `plan` beside the common ones. */
export interface PlanCommandOptions extends CommonOptions {
  explain?: boolean
}

/**
 * The commands, their flags and their help. What a command does is loaded when it is called, so that `--help` and a
 * mistyped flag cost nothing; `ended` is given its exit status.
 */
export function buildProgram(version: string, ended: (status: ExitStatus) => void): Command {
  const program = new Command('queryloom')
    .description('Declarative workflows for LLM-based data augmentation of dense retrieval.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError('See queryloom --help.')
    .addHelpText('after', text('Example:', 'queryloom run pipelines/quickstart/quickstart.yaml'))
    .addHelpText('after', `\n${EXIT_STATUS}`)

  const command = (usage: string, what: string, example: string, ...notes: string[]): Command =>
    withCommonOptions(program.command(usage).description(what))
      .showHelpAfterError(`See queryloom ${usage.split(' ', 1)[0]} --help.`)
      .helpOption('-h, --help', 'print this help')
      .addHelpText('after', text('Example:', example) + notes.map((note) => `\n${note}\n`).join(''))

  command(
    'run <FILE>',
    'Make what is not up to date, then show the results.',
    'queryloom run pipelines/scifact.yaml -p data=beir/scifact -j 4',
    'The first Ctrl-C lets requests in flight finish and keeps everything done so far; the second ends at once.',
    'With --json, events are printed as JSON Lines; the last is of type run-finished.',
  )
    .option('--fail-fast', 'start nothing new after a failure')
    .action(async (file: string, options: RunCommandOptions) => {
      ended(await (await import('./commands/run.ts')).runCommand(file, options))
    })

  command(
    'plan <FILE>',
    'Tell what a run would do and why, and which requests it would send; nothing is run.',
    'queryloom plan pipelines/quickstart/quickstart.yaml --explain',
  )
    .option('--explain', 'tell every reason in full, with the lines of a prompt that changed')
    .action(async (file: string, options: PlanCommandOptions) => {
      ended(await (await import('./commands/plan.ts')).planCommand(file, options))
    })

  command(
    'status <FILE>',
    'Tell in one screen whether everything is up to date.',
    'queryloom status pipelines/quickstart/quickstart.yaml',
    'Exit status: 0 if a run would find nothing to do, 1 if not.',
  ).action(async (file: string, options: CommonOptions) => {
    ended(await (await import('./commands/status.ts')).statusCommand(file, options))
  })

  command(
    'explain <FILE> <NODE>',
    'Tell everything about one node, or the nodes of a stage: decision, reasons, key, inputs, options.',
    "queryloom explain pipelines/quickstart/quickstart.yaml 'queries[density=3]'",
  ).action(async (file: string, node: string, options: CommonOptions) => {
    ended(await (await import('./commands/explain.ts')).explainCommand(file, node, options))
  })

  command(
    'validate <FILE>',
    'Check a pipeline file and all it names; nothing is run.',
    'queryloom validate pipelines/quickstart/quickstart.yaml',
    'Exit status: 0 if it is valid, 2 if not.',
  ).action(async (file: string, options: CommonOptions) => {
    ended(await (await import('./commands/validate.ts')).validateCommand(file, options))
  })

  command(
    'metrics <FILE>',
    'Show the newest results: mean and standard deviation over replicates, and a verdict.',
    'queryloom metrics pipelines/quickstart/quickstart.yaml',
  ).action(async (file: string, options: CommonOptions) => {
    ended(await (await import('./commands/metrics.ts')).metricsCommand(file, options))
  })

  return program
}

const EXIT_STATUS = `Exit status:
  0    all went well
  1    a stage failed (status: something is not up to date)
  2    the pipeline is invalid or asks for what this machine lacks, or the command was called wrongly
  70   a bug of queryloom
  130  interrupted (Ctrl-C)
  143  terminated`

function text(title: string, line: string): string {
  return `\n${title}\n  $ ${line}\n`
}
