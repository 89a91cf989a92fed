import { expect, test } from 'vitest'
import { COMMAND_GROUPS } from '../../../engine/cli/command-groups.ts'
import { buildProgram } from '../../../engine/cli/program.ts'

/** Help as it is printed in a terminal of 80 columns. */
function help(name?: string): string {
  const program = buildProgram('0.0.0', () => {})
  const command = name === undefined ? program : program.commands.find((candidate) => candidate.name() === name)
  const out: string[] = []
  command?.configureOutput({ writeOut: (text) => void out.push(text), getOutHelpWidth: () => 80 }).outputHelp()
  return out.join('')
}

const commands = [
  'run',
  'plan',
  'status',
  'explain',
  'validate',
  'metrics',
  'compare',
  'report',
  'graph',
  'accept',
  'cost',
  'answers',
  'runs',
  'logs',
  'reproduce',
  'export',
  'import',
  'trust',
  'keys',
  'push',
  'pull',
]

test('the help lists every command, an example and what exit statuses mean', async () => {
  await expect(help()).toMatchFileSnapshot('./golden/help.txt')
})

test('every command stands in one group of the help', () => {
  const program = buildProgram('0.0.0', () => {})
  const shown = program.createHelp().visibleCommands(program)
  expect(shown.map((command) => command.name())).toEqual(COMMAND_GROUPS.flatMap(([, commands]) => commands))
})

test('the help of cache lists its commands, and each of them shows an example', async () => {
  await expect(help('cache')).toMatchFileSnapshot('./golden/help-cache.txt')
  const cache = buildProgram('0.0.0', () => {}).commands.find((command) => command.name() === 'cache')
  for (const command of cache?.commands ?? []) {
    const out: string[] = []
    command.configureOutput({ writeOut: (text) => void out.push(text), getOutHelpWidth: () => 80 }).outputHelp()
    expect(out.join('')).toContain(`$ queryloom cache ${command.name()}`)
  }
})

test.each(commands)('the help of %s lists its options and shows an example', async (name) => {
  const text = help(name)
  expect(text).toContain(`$ queryloom ${name} `)
  await expect(text).toMatchFileSnapshot(`./golden/help-${name}.txt`)
})
