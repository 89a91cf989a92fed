import { Command, Option } from 'commander'
import { REPORT_TABLES, type ReportTableName } from '../report/report-table-names.ts'
import type { ReportFormat } from '../report/written-report.ts'
import { addAuditCommand } from './audit-program.ts'
import { addCacheCommands } from './cache-program.ts'
import { groupCommands } from './command-groups.ts'
import type { ExitStatus } from './exit-status.ts'
import type { PlaceOptions } from './jobs-of.ts'
import { addKeysCommands } from './keys-program.ts'
import { bareCommands, type MakeCommand, withHelp } from './make-command.ts'
import { amountOfMoney, type CommonOptions, whichQueries, wholeNumber, withCommonOptions } from './options.ts'
import { addRemoteCommands } from './remote-program.ts'
import { type SelectionOptions, withSelectionOptions } from './selection-options.ts'
import { addSetupCommands } from './setup-program.ts'
import { addSharingCommands } from './sharing-program.ts'

/** Options of `run` beside the common ones. */
export interface RunCommandOptions extends SelectionOptions, PlaceOptions {
  trust?: boolean
  failFast?: boolean
  dryRun?: boolean
  lock?: string
  locked?: boolean
}

/** Options of `plan` beside the common ones. */
export interface PlanCommandOptions extends SelectionOptions {
  explain?: boolean
  lock?: string
  locked?: boolean
}

/** Options of `reproduce` beside the common ones. */
export interface ReproduceCommandOptions extends CommonOptions {
  reobserve?: boolean
  keep?: boolean
  lock?: string
}

/** Options of `graph` beside the common ones. */
export interface GraphCommandOptions extends CommonOptions {
  format: 'mermaid' | 'dot'
  nodes?: boolean
}

/** Options of `report` beside the common ones. */
export interface ReportCommandOptions extends CommonOptions {
  format: ReportFormat
  table?: ReportTableName
  output?: string
}

/** Options of `accept` beside the common ones. */
export interface AcceptCommandOptions extends CommonOptions {
  why: string
}

/** Options of `cost` beside the common ones. */
export interface CostCommandOptions extends CommonOptions {
  passages?: number
  perPassage?: number
  perHour?: number
}

/** Options of `compare` beside the common ones. */
export interface CompareCommandOptions extends CommonOptions {
  pipeline?: string
  queries?: { order: 'worst' | 'best'; count: number }
  system?: string
  format: 'text' | 'md'
}

/** Options of `claims`. */
export interface ClaimsCommandOptions {
  format: 'text' | 'md' | 'csv' | 'latex'
  json?: boolean
}

/** Options of `answers` beside the common ones. */
export interface AnswersCommandOptions extends CommonOptions {
  limit: number
}

/** Options of `runs` beside the common ones. */
export interface RunsCommandOptions extends CommonOptions {
  limit: number
}

/** Options of `logs` beside the common ones. */
export interface LogsCommandOptions extends CommonOptions {
  run?: string
}

/**
 * The commands, their flags and their help. What a command does is loaded when it is called, so that `--help` and a
 * mistyped flag cost nothing; `ended` is given its exit status.
 */
export function buildProgram(version: string, ended: (status: ExitStatus) => void): Command {
  const program = new Command('queryloom')
    .description('Declarative workflows for LLM-based data augmentation of dense retrieval.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .showHelpAfterError('See queryloom --help.')
  withHelp(program, 'queryloom run pipelines/quickstart/quickstart.yaml', OPTIONS_OF_ALL, EXIT_STATUS)

  const bare = bareCommands(program)
  const command: MakeCommand = (...facts) => withCommonOptions(bare(...facts))
  const chooser: MakeCommand = (...facts) => withSelectionOptions(command(...facts))

  chooser(
    'run <FILE> [STAGE...]',
    'Make what is not up to date, then show the results: of the named stages or nodes with what they need, or of all.',
    'queryloom run pipelines/scifact.yaml -p data=path/to/scifact -j 4',
    'The first Ctrl-C lets requests in flight finish and keeps everything done so far; the second ends at once.',
    'With --json, events are printed as JSON Lines; the last is of type run-finished.',
  )
    .option('--fail-fast', 'start nothing new after a failure')
    .option('--dry-run', 'only tell what would be done, as plan does')
    .option('--trust', 'execute an imported pipeline, if what it would execute was shown before')
    .option('--locked', 'refuse what differs from the lockfile, ask no model, and never write it')
    .option('--lock <FILE>', LOCK)
    .option('--profile <FILE>', 'how a cluster is used: stages run there as jobs (see docs/slurm.md)')
    .option('--leave-jobs', 'jobs go on when this is interrupted; the next run finds them')
    .action(async (file: string, names: string[], options: RunCommandOptions) => {
      ended(await (await import('./commands/run.ts')).runCommand(file, names, options))
    })

  chooser(
    'plan <FILE> [STAGE...]',
    'Tell what a run would do and why, and which requests it would send; nothing is run.',
    'queryloom plan pipelines/quickstart/quickstart.yaml --explain',
  )
    .option('--explain', 'tell every reason in full, with the lines of a prompt that changed')
    .option('--locked', 'tell what run --locked would refuse, too; then the exit status is 2')
    .option('--lock <FILE>', 'the lockfile (default: NAME.lock beside the pipeline)')
    .action(async (file: string, names: string[], options: PlanCommandOptions) => {
      ended(await (await import('./commands/plan.ts')).planCommand(file, names, options))
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
    'reproduce <FILE> [STAGE...]',
    'Make results again in a scratch store and compare them with the lockfile byte by byte.',
    'queryloom reproduce pipelines/quickstart/quickstart.yaml synthetic',
    'Without names: every node whose stage gives the same bytes from the same inputs, models answering from the store.',
    'With --reobserve: what asks a model, and all that follows; told is how far texts and metrics moved.',
    'Exit status: 0 if all is identical (with --reobserve: if all could be made), 1 if not.',
  )
    .option('--reobserve', 'ask the models again, which is paid for, and keep nothing of it')
    .option('--keep', 'keep the scratch store, with the logs, and tell where it is')
    .option('--lock <FILE>', 'the lockfile (default: NAME.lock beside the pipeline)')
    .action(async (file: string, names: string[], options: ReproduceCommandOptions) => {
      ended(await (await import('./commands/reproduce.ts')).reproduceCommand(file, names, options))
    })

  command(
    'explain <FILE> <NODE>',
    'Tell everything about one node, or the nodes of a stage: decision, reasons, key, inputs, options.',
    "queryloom explain pipelines/quickstart/quickstart.yaml 'synthetic-model[train_seed=1]'",
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
  )
    .option('--tables', 'with --json: the tables over axes and kinds of tasks, instead of the results one by one')
    .action(async (file: string, options: CommonOptions & { tables?: boolean }) => {
      ended(await (await import('./commands/metrics.ts')).metricsCommand(file, options))
    })

  command(
    'report <FILE>',
    'Write the newest results as one page with tables and figures, which opens anywhere without a network.',
    'queryloom report pipelines/quickstart/quickstart.yaml',
    'The page is written to out/NAME.html; the other formats are printed. See docs/report.md.',
  )
    .addOption(new Option('--format <FORMAT>', 'what to write').choices(['html', 'md', 'csv', 'json']).default('html'))
    .addOption(new Option('--table <TABLE>', 'with csv: which table; systems if none is named').choices(REPORT_TABLES))
    .option('-o, --output <FILE>', 'where to write it; - prints it')
    .action(async (file: string, options: ReportCommandOptions) => {
      ended(await (await import('./commands/report.ts')).reportCommand(file, options))
    })

  command(
    'compare <A> <B>',
    'Tell what changed from one run, lockfile, git revision or pipeline file to another, and what it did to the numbers.',
    'queryloom compare HEAD~1 now --pipeline pipelines/scifact.yaml --queries worst:20',
    'A side is a run id (or last, last~1), NAME.lock, a pipeline file, now, or REVISION[:FILE]; nothing is run.',
    'Differences are B less A, tested query by query; p is adjusted for the systems of a collection.',
  )
    .option('--pipeline <FILE>', 'the pipeline that is meant by now and by a revision without a file')
    .option('--queries <WHICH>', 'show the queries that changed most: worst:20 or best:20', whichQueries)
    .option('--system <NAME>', 'whose queries: a stage, a node, or the name in the table (default: what moved most)')
    .addOption(new Option('--format <FORMAT>', 'what to print it as').choices(['text', 'md']).default('text'))
    .action(async (a: string, b: string, options: CompareCommandOptions) => {
      ended(await (await import('./commands/compare.ts')).compareCommand(a, b, options))
    })

  bare(
    'claims <ANALYSIS...>',
    'Put claims of several analyses together, by the finding that they test: it holds, does not, or is undetermined.',
    "queryloom claims pipelines/paper/scale.yaml 'SciFact=out/scale/analysis/analysis' --format md",
    'ANALYSIS is the output of an analysis stage, or a pipeline file, whose findings are listed though nothing tests them.',
    'LABEL=ANALYSIS says what it is called. A finding holds where all its claims do, and does not where one does not.',
  )
    .addOption(
      new Option('--format <FORMAT>', 'what to print it as').choices(['text', 'md', 'csv', 'latex']).default('text'),
    )
    .option('--json', 'print for programs')
    .action(async (words: string[], options: ClaimsCommandOptions) => {
      ended(await (await import('./commands/claims.ts')).claimsCommand(words, options))
    })

  command(
    'graph <FILE>',
    'Draw the graph, coloured by what a run would do: a box a stage, or a box a node.',
    'queryloom graph pipelines/quickstart/quickstart.yaml --format dot | dot -Tsvg > graph.svg',
  )
    .addOption(new Option('--format <FORMAT>', 'what to print it as').choices(['mermaid', 'dot']).default('mermaid'))
    .option('--nodes', 'draw every node of a sweep')
    .action(async (file: string, options: GraphCommandOptions) => {
      ended(await (await import('./commands/graph.ts')).graphCommand(file, options))
    })

  command(
    'accept <FILE> <STAGE>',
    'Take the newest results of a stage or node for what a run would make now, on the record.',
    "queryloom accept pipelines/scifact.yaml queries --why 'only the wording of a comment changed'",
    'Nothing is run or asked. explain and plan tell what was accepted, and why.',
  )
    .requiredOption('--why <TEXT>', 'why the results still hold; it is kept with them')
    .action(async (file: string, name: string, options: AcceptCommandOptions) => {
      ended(await (await import('./commands/accept.ts')).acceptCommand(file, name, options))
    })

  command(
    'cost <FILE>',
    'Tell what models were asked and what it took, and project time, money and storage to a corpus of another size.',
    'queryloom cost pipelines/scifact.yaml --passages 8800000 --per-passage 5',
    'Everything is from what past runs measured, with 95 % intervals; what nothing tells is said to be unknown.',
  )
    .option('--passages <N>', 'project to a corpus of so many passages', wholeNumber)
    .option('--per-passage <N>', 'with so many queries for each (default: as the pipeline has them)', wholeNumber)
    .option('--per-hour <MONEY>', 'what an hour of the machine costs, for models without prices', amountOfMoney)
    .action(async (file: string, options: CostCommandOptions) => {
      ended(await (await import('./commands/cost.ts')).costCommand(file, options))
    })

  command(
    'answers <FILE> <STAGE>',
    'Show answers that the newest results of a stage or node were made from, and where each came from.',
    'queryloom answers pipelines/scifact.yaml queries --limit 20',
    'Model, server with version and hardware, when, how long, why it ended. Which ones are shown is as good as chance.',
  )
    .option('--limit <N>', 'show so many of each node', wholeNumber, 5)
    .action(async (file: string, name: string, options: AnswersCommandOptions) => {
      ended(await (await import('./commands/answers.ts')).answersCommand(file, name, options))
    })

  command(
    'runs [FILE]',
    'List the newest runs of a pipeline, or of all pipelines of the project that the current folder is in.',
    'queryloom runs pipelines/quickstart/quickstart.yaml',
  )
    .option('--limit <N>', 'list so many', wholeNumber, 20)
    .action(async (file: string | undefined, options: RunsCommandOptions) => {
      ended(await (await import('./commands/runs.ts')).runsCommand(file, options))
    })

  command(
    'logs <FILE> <NODE>',
    'Print the newest log of a node, also of one that failed.',
    'queryloom logs pipelines/quickstart/quickstart.yaml queries',
  )
    .option('--run <ID>', 'the log of this run; the beginning of its id is enough')
    .action(async (file: string, node: string, options: LogsCommandOptions) => {
      ended(await (await import('./commands/logs.ts')).logsCommand(file, node, options))
    })

  addAuditCommand(command, ended)
  addSharingCommands(program, ended)
  addKeysCommands(program, ended)
  addCacheCommands(program, ended)
  addRemoteCommands(command, ended)
  addSetupCommands(program, { command, chooser }, ended)
  groupCommands(program)

  return program
}

const LOCK = 'the lockfile; it is written with -p, --params and --only too (default: NAME.lock beside the pipeline)'

const OPTIONS_OF_ALL = 'COMMAND --help tells the options of a command, with an example.'

const EXIT_STATUS = `Exit status:
  0    all went well
  1    a stage failed (status: something is not up to date)
  2    the pipeline is invalid, asks for what this machine lacks or is not what was locked, or the command was called
       wrongly
  70   a bug of queryloom
  130  interrupted (Ctrl-C)
  143  terminated`
