import { loadTrust, newKey, trustKey, untrustKey } from '../../../cache/signing.ts'
import { ExitStatus } from '../exit-status.ts'
import type { KeysOptions } from '../keys-program.ts'
import { print, printJson } from '../print.ts'

/** `queryloom keys new`: prints the public key, alone on its line. */
export async function newKeyCommand(name: string | undefined, { json }: KeysOptions): Promise<ExitStatus> {
  const made = await newKey(name)
  if (json) {
    printJson(made)
    return ExitStatus.ok
  }
  print(made.key)
  process.stderr.write(
    `who should accept what ${made.name} signs calls: queryloom keys trust NAME ${made.key}\n` +
      'give it to them in a way that nobody else can change\n',
  )
  return ExitStatus.ok
}

/** `queryloom keys list` */
export async function listKeysCommand({ json }: KeysOptions): Promise<ExitStatus> {
  const { keys } = loadTrust()
  if (json) printJson({ keys })
  else if (keys.length === 0) process.stderr.write('there are no keys: queryloom keys new makes one\n')
  else for (const { name, key, own } of keys) print(`${own ? 'own    ' : 'trusted'}  ${key}  ${name}`)
  return ExitStatus.ok
}

/** `queryloom keys trust` */
export async function trustKeyCommand(name: string, key: string, { json }: KeysOptions): Promise<ExitStatus> {
  await trustKey(name, key)
  if (json) printJson({ name, key, own: false })
  return ExitStatus.ok
}

/** `queryloom keys untrust` */
export async function untrustKeyCommand(name: string, { json }: KeysOptions): Promise<ExitStatus> {
  const removed = untrustKey(name)
  if (json) printJson({ removed })
  if (removed) return ExitStatus.ok
  const own = loadTrust().keys.some((key) => key.own && key.name === name)
  process.stderr.write(
    own ? `${name} is your own key: remove its file to be rid of it\n` : `no key is trusted under the name ${name}\n`,
  )
  return ExitStatus.invalid
}
