import type { Command } from 'commander'

/** Adds a command to the program: how it is called, what it does, an example, and what else people should know. */
export type MakeCommand = (usage: string, what: string, example: string, ...notes: string[]) => Command

/** Makes commands that have no options yet but `--help`. */
export function bareCommands(program: Command): MakeCommand {
  return (usage, what, example, ...notes) =>
    program
      .command(usage)
      .description(what)
      .showHelpAfterError(`See queryloom ${usage.split(' ', 1)[0]} --help.`)
      .helpOption('-h, --help', 'print this help')
      .addHelpText('after', exampleText(example) + notes.map((note) => `\n${note}\n`).join(''))
}

/** An example as it stands below the help of a command. */
export function exampleText(line: string): string {
  return `\nExample:\n  $ ${line}\n`
}
