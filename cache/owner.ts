import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { freshNonce } from './durable.ts'
import { parseObject } from './parse-object.ts'

/** Who holds something that others may have to take over. Empty texts stand for what a system doesn't tell. */
export interface OwnerRecord {
  host: string
  /** Identity of the installation, which outlives a boot. */
  machine: string
  boot: string
  pidNamespace: string
  pid: number
  /** Start of the process in clock ticks since the boot: with the pid it names one process. */
  started: string
  nonce: string
}

/** A record of this process with a nonce of its own. */
export function newOwner(): OwnerRecord {
  return { ...here(), pid: process.pid, started: statusOf(process.pid)?.started ?? '', nonce: freshNonce() }
}

/** Reads a record back; undefined if the text is not one (torn, or another format). */
export function parseOwner(text: string): OwnerRecord | undefined {
  const record = parseObject(text)
  if (!record) return undefined
  const texts = ['host', 'machine', 'boot', 'pidNamespace', 'started', 'nonce']
  if (!texts.every((name) => typeof record[name] === 'string')) return undefined
  return Number.isInteger(record.pid) ? (record as unknown as OwnerRecord) : undefined
}

/** An owner in words; of one whose record can't be read, that there is one. */
export function ownerWords(owner: OwnerRecord | undefined): string {
  return owner ? `process ${owner.pid} on ${owner.host}` : 'another process'
}

/**
 * Whether an owner still lives. `dead` only on proof: the same boot and pid namespace without that process, or an
 * earlier boot of this very machine. Of another host or namespace nothing is ever proved.
 */
export function vitality(owner: OwnerRecord): 'alive' | 'dead' | 'unknown' {
  const mine = here()
  if (owner.boot !== mine.boot) {
    const sameMachine = owner.machine !== '' && owner.machine === mine.machine && owner.host === mine.host
    return sameMachine ? 'dead' : 'unknown'
  }
  if (owner.pidNamespace !== mine.pidNamespace) return 'unknown'
  if (mine.boot === '' && owner.host !== mine.host) return 'unknown'
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead'
  }
  const status = statusOf(owner.pid)
  if (!status || owner.started === '') return 'unknown'
  return status.started === owner.started && !status.ended ? 'alive' : 'dead'
}

let known: Omit<OwnerRecord, 'pid' | 'started' | 'nonce'> | undefined

function here(): Omit<OwnerRecord, 'pid' | 'started' | 'nonce'> {
  known ??= {
    host: hostname(),
    machine: orEmpty(() => readFileSync('/etc/machine-id', 'utf8')),
    boot: orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    pidNamespace: orEmpty(() => readlinkSync('/proc/self/ns/pid')),
  }
  return known
}

function statusOf(pid: number): { started: string; ended: boolean } | undefined {
  const text = orEmpty(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  // The second field is the command in parentheses and may hold anything; fields 3 and 22 are the state and the start.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const started = fields[19]
  return started === undefined ? undefined : { started, ended: fields[0] === 'Z' || fields[0] === 'X' }
}

function orEmpty(read: () => string): string {
  try {
    return read().trim()
  } catch {
    return ''
  }
}
