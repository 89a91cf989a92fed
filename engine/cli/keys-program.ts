import type { Command } from 'commander'
import type { ExitStatus } from './exit-status.ts'
import { bareCommands, groupOfCommands, type MakeCommand } from './make-command.ts'

/** Options of the `keys` commands. */
export interface KeysOptions {
  json?: boolean
}

const TRUST_EXAMPLE = 'trust anna ed25519:GcVzfpPBDOvXr9bD5XLyE6bSDZ9SNpVQ0c4GPaHcM1U'

/** Adds `keys new|list|trust|untrust`; what they do is loaded when one is called. */
export function addKeysCommands(program: Command, ended: (status: ExitStatus) => void): void {
  const keys = groupOfCommands(
    program,
    'keys',
    'Make keys that sign what is shared, and say whose signatures are accepted.',
    `queryloom keys ${TRUST_EXAMPLE}`,
    'Keys lie in $XDG_CONFIG_HOME/queryloom/keys; a private key is never printed or sent.',
  )
  const bare = bareCommands(keys)
  const command: MakeCommand = (usage, what, example) =>
    bare(usage, what, `queryloom keys ${example}`).option('--json', 'print for programs')
  command('new [NAME]', 'Make a key to sign with (default name: default), and print its public half.', 'new').action(
    async (name: string | undefined, options: KeysOptions) => {
      ended(await (await import('./commands/keys.ts')).newKeyCommand(name, options))
    },
  )
  command('list', 'List your own keys and those that you trust.', 'list').action(async (options: KeysOptions) => {
    ended(await (await import('./commands/keys.ts')).listKeysCommand(options))
  })
  command(
    'trust <NAME> <PUBLICKEY>',
    'Accept what this key signed, under a name of your choice.',
    TRUST_EXAMPLE,
  ).action(async (name: string, key: string, options: KeysOptions) => {
    ended(await (await import('./commands/keys.ts')).trustKeyCommand(name, key, options))
  })
  command('untrust <NAME>', 'Accept no more what this key signed.', 'untrust anna').action(
    async (name: string, options: KeysOptions) => {
      ended(await (await import('./commands/keys.ts')).untrustKeyCommand(name, options))
    },
  )
}
