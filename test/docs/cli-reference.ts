import { Command, type Option } from 'commander'
import { withCommonOptions } from '../../engine/cli/options.ts'
import { buildProgram } from '../../engine/cli/program.ts'
import { helpAfter, type LeafCommand, leafCommands } from './command-tree.ts'
import { cell } from './option-rows.ts'

/** The reference of all commands, written from their help. */
export function cliReference(): string {
  const commons = withCommonOptions(new Command()).options
  const [, exits = ''] = helpAfter(buildProgram('0.0.0', () => {})).split('Exit status:\n')
  return `${[
    '# Commands',
    '',
    'Written from the commands themselves; a test holds it equal to their `--help`. Data goes to standard output, everything',
    'else to standard error.',
    '',
    '## Options of all commands on pipelines',
    '',
    ...optionTable(commons),
    '',
    'No colour is used where `NO_COLOR` is set or nobody sees it.',
    '',
    '## Exit status',
    '',
    '```text',
    ...exits
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ {2}/, '')),
    '```',
    '',
    ...leafCommands().flatMap((leaf) => section(leaf, commons)),
  ]
    .join('\n')
    .trimEnd()}\n`
}

function section({ name, command, after }: LeafCommand, commons: readonly Option[]): string[] {
  const own = command.options.filter(({ flags }) => !commons.some((common) => common.flags === flags))
  const isCommon = own.length < command.options.length && commons.every(({ flags }) => has(command, flags))
  const [, example = '', ...notes] = /^Example:\n((?: {2}\$ .*\n?)+)([\s\S]*)$/.exec(after) ?? []
  return [
    `## ${name}`,
    '',
    command.description(),
    '',
    '```sh',
    ...example
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ {2}\$ /, '')),
    '```',
    '',
    `Called as \`queryloom ${name} ${command.usage()}\`${isCommon ? '; it has the common options too' : ''}.`,
    '',
    ...paragraphs(notes.join('')),
    ...(isCommon ? tableIfAny(own) : tableIfAny([...command.options])),
  ]
}

function has(command: Command, flags: string): boolean {
  return command.options.some((option) => option.flags === flags)
}

function paragraphs(text: string): string[] {
  const all = text
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '')
  return all.flatMap((paragraph) => [paragraph, ''])
}

function tableIfAny(options: readonly Option[]): string[] {
  return options.length === 0 ? [] : [...optionTable(options), '']
}

function optionTable(options: readonly Option[]): string[] {
  const rows = options.map((option) => {
    const { flags, description, mandatory, argChoices, defaultValueDescription } = option
    const fallback = option.defaultValue === undefined ? '' : (defaultValueDescription ?? String(option.defaultValue))
    const facts = [
      argChoices === undefined ? '' : `one of ${argChoices.join(', ')}`,
      fallback === '' ? '' : `default: ${fallback}`,
    ].filter((fact) => fact !== '')
    const meaning = `${description}${facts.length === 0 ? '' : ` (${facts.join('; ')})`}`
    return `| \`${cell(flags)}\`${mandatory ? ' (required)' : ''} | ${cell(meaning)} |`
  })
  return ['| option | meaning |', '|---|---|', ...rows]
}
