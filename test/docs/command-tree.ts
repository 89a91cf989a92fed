import type { Command } from 'commander'
import { buildProgram } from '../../engine/cli/program.ts'

/** A command that does something, by its words: `cache gc`. */
export interface LeafCommand {
  name: string
  command: Command
  /** What `--help` prints after options: examples and notes. */
  after: string
}

/** All commands that do something, in the order in which help lists them. */
export function leafCommands(): LeafCommand[] {
  const leaves = (command: Command, words: string): LeafCommand[] =>
    command.commands.length === 0
      ? [{ name: words, command, after: helpAfter(command) }]
      : command
          .createHelp()
          .visibleCommands(command)
          .flatMap((one) => leaves(one, `${words} ${one.name()}`.trim()))
  return leaves(
    buildProgram('0.0.0', () => {}),
    '',
  )
}

/** What `--help` says below the options. */
export function helpAfter(command: Command): string {
  const out: string[] = []
  command.configureOutput({ writeOut: (text) => void out.push(text), getOutHelpWidth: () => 80 }).outputHelp()
  return out.join('').slice(command.helpInformation().length).trim()
}

/** Parses a call without doing anything; rejects with what is wrong with it. */
export async function parseCall(words: readonly string[]): Promise<void> {
  const program = buildProgram('0.0.0', () => {})
  const silence = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} })
    if (command.commands.length === 0) command.action(() => {})
    for (const one of command.commands) silence(one)
  }
  silence(program)
  await program.parseAsync([...words], { from: 'user' })
}
