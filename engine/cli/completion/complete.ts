import type { Command, Option } from 'commander'

/** What a pipeline's names are asked for; each kind is read only when it is wanted. */
export interface PipelineNames {
  /** Stages, and nodes below those that have several. */
  stages(file: string): readonly string[]
  params(file: string): readonly string[]
  /** `AXIS=LABEL` for every value of every axis. */
  variants(file: string): readonly string[]
}

/** One word that could stand here, and what it means. */
interface Candidate {
  word: string
  meaning: string
}

/** What could stand in a place of a command line: words, and whether names of files could too. */
export interface Completion {
  candidates: readonly Candidate[]
  files: 'files' | 'folders' | undefined
}

/**
 * What could stand in place of the last of these words, which follow `queryloom` on a command line. It is all told by
 * the tree of commands; a pipeline is only read where names of it could stand.
 */
export async function complete(
  program: Command,
  words: readonly string[],
  names: () => Promise<PipelineNames>,
): Promise<Completion> {
  const before = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const { command, operands, awaiting } = follow(program, before)
  const file = pipelineIn(command, operands, before)
  const beginning = ({ candidates, files }: Completion): Completion => ({
    candidates: candidates.filter(({ word }) => word.startsWith(current)),
    files,
  })
  if (awaiting) return beginning(await valuesOf(placeholder(awaiting.flags), awaiting.argChoices, file, names))
  if (current.startsWith('-')) return beginning(optionsOf(command))
  if (command.commands.length > 0) return beginning(commandsOf(command))
  const all = command.registeredArguments
  const argument = all[operands.length] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined)
  if (!argument) return { candidates: [], files: undefined }
  return beginning(await valuesOf(argument.name(), argument.argChoices, file, names))
}

/** Goes down the tree along words: which command they lead to, what it was given, and which option waits for a value. */
function follow(
  program: Command,
  words: readonly string[],
): { command: Command; operands: string[]; awaiting: Option | undefined } {
  let command = program
  let awaiting: Option | undefined
  const operands: string[] = []
  for (const word of words) {
    if (awaiting) awaiting = undefined
    else if (word.startsWith('-')) awaiting = waitingFor(command, word)
    else {
      const next = command.commands.find((one) => one.name() === word)
      if (next) command = next
      else operands.push(word)
    }
  }
  return { command, operands, awaiting }
}

function waitingFor(command: Command, word: string): Option | undefined {
  const option = command.options.find(({ long, short }) => long === word || short === word)
  return option?.required ? option : undefined
}

/** The file that names of stages would be of: the first operand where a command takes one, or that of `--file`. */
function pipelineIn(command: Command, operands: readonly string[], words: readonly string[]): string | undefined {
  if (command.registeredArguments[0]?.name() === 'FILE') return operands[0]
  const at = words.indexOf('--file')
  return at === -1 ? undefined : words[at + 1]
}

async function valuesOf(
  kind: string,
  choices: readonly string[] | undefined,
  file: string | undefined,
  names: () => Promise<PipelineNames>,
): Promise<Completion> {
  const plain = (words: readonly string[]): Completion => ({
    candidates: words.map((word) => ({ word, meaning: '' })),
    files: undefined,
  })
  if (choices) return plain(choices)
  if (/^(FILE|BUNDLE|CORPUS|SOURCE)$/.test(kind)) return { candidates: [], files: 'files' }
  if (/^[AB]$/.test(kind)) return { ...plain(['last', 'last~1', 'now']), files: 'files' }
  if (kind === 'DIR') return { candidates: [], files: 'folders' }
  if (file === undefined) return plain([])
  if (/^(STAGE|NODE|WHAT)$/.test(kind)) return plain((await names()).stages(file))
  if (kind === 'NAME=VALUE') return plain((await names()).params(file).map((name) => `${name}=`))
  return plain(kind === 'AXIS=VALUE' ? (await names()).variants(file) : [])
}

/** `FILE` of `--params <FILE>`. */
function placeholder(flags: string): string {
  return /[<[]([^\]>.]+)/.exec(flags)?.[1] ?? ''
}

function optionsOf(command: Command): Completion {
  const candidates = command.options.map(({ long, short, description }) => ({
    word: long ?? short ?? '',
    meaning: description,
  }))
  return { candidates: [...candidates, { word: '--help', meaning: 'print this help' }], files: undefined }
}

function commandsOf(command: Command): Completion {
  const shown = command.createHelp().visibleCommands(command)
  return {
    candidates: shown.map((one) => ({ word: one.name(), meaning: one.summary() || one.description() })),
    files: undefined,
  }
}
