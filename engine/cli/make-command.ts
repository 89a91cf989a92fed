import type { Command } from 'commander'

/** Adds a command to the program: how it is called, what it does, an example, and what else people should know. */
export type MakeCommand = (usage: string, what: string, example: string, ...notes: string[]) => Command

/** Makes commands of a program, or of one of its commands, that have no options yet but `--help`. */
export function bareCommands(parent: Command): MakeCommand {
  return (usage, what, example, ...notes) =>
    withHelp(parent.command(usage).description(what), example, ...notes).showHelpAfterError(
      `See ${calledAs(parent)} ${usage.split(' ', 1)[0]} --help.`,
    )
}

/** Adds a command that only has commands. */
export function groupOfCommands(
  program: Command,
  name: string,
  what: string,
  example: string,
  ...notes: string[]
): Command {
  return bareCommands(program)(name, what, example, ...notes).helpCommand(false)
}

/** Gives a command its help, with an example and notes below. */
export function withHelp(command: Command, example: string, ...notes: string[]): Command {
  return command
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', [`\nExample:\n  $ ${example}`, ...notes].join('\n\n'))
}

function calledAs(command: Command): string {
  return command.parent ? `${calledAs(command.parent)} ${command.name()}` : command.name()
}
