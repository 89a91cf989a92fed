import type { Command } from 'commander'

/** What people want to do, and by which commands; the order is that of the help. */
export const COMMAND_GROUPS: readonly (readonly [purpose: string, commands: readonly string[]])[] = [
  ['Beginning', ['init', 'validate', 'doctor', 'schema', 'completion']],
  ['Running', ['run', 'plan', 'status', 'watch', 'explain', 'graph', 'accept']],
  ['Looking', ['metrics', 'report', 'compare', 'claims', 'answers', 'audit', 'cost', 'runs', 'logs']],
  ['Sharing', ['export', 'import', 'trust', 'keys', 'push', 'pull', 'remotes', 'reproduce']],
  ['The store', ['cache']],
]

/** Puts the commands of a program in these groups, in this order, which its help follows. */
export function groupCommands(program: Command): void {
  const order = COMMAND_GROUPS.flatMap(([, names]) => names)
  // The help takes the order of groups from here, and from nowhere else.
  const commands = program.commands as Command[]
  commands.sort((a, b) => order.indexOf(a.name()) - order.indexOf(b.name()))
  for (const [purpose, names] of COMMAND_GROUPS)
    for (const command of commands) if (names.includes(command.name())) command.helpGroup(`${purpose}:`)
}
