import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { type CanonicalValue, canonicalBytes } from '../../../cache/canonical.ts'
import { hexOf, type RowKey, type Sha256, sha256 } from '../../../cache/digest.ts'
import { writeFileAtomic } from '../../../cache/durable.ts'
import type { AskSettings } from '../../asking.ts'
import type { StageInput } from '../../define.ts'
import { KeySet } from './key-set.ts'

/** The model that is asked, as a task is told of it; no secret stands in it. */
type ShardModel = Extract<StageInput, { type: 'llm' }>

/** What is known of the shards of one array: written once, before anybody is told of the array. */
export interface ShardRecord {
  format: 1
  llm: ShardModel
  settings: AskSettings
  /** Of each shard: how many requests there are, and the digest of their file. */
  shards: readonly { rows: number; digest: Sha256<'shard'> }[]
}

/** Bytes of an entry of the file of keys: a key, and the beginning of the digest of its line. */
export const KEY_BYTES = 40
const MARK_BYTES = 8

/** Beginnings of the names of a model's arrays, which tell them from those of others. */
export function modelMark(identity: CanonicalValue): string {
  return hexOf(sha256(canonicalBytes('shards', identity))).slice(0, 12)
}

/** Requests of a shard, in the form of OpenAI batches. */
export function requestsPath(taskFolder: string): string {
  return join(taskFolder, 'requests.jsonl')
}

/** Keys of a shard's requests in their order, and the marks of their lines. */
export function keysPath(taskFolder: string): string {
  return join(taskFolder, 'keys')
}

/** Answers of an attempt, appended as they come. */
export function answersPath(attemptFolder: string): string {
  return join(attemptFolder, 'answers.jsonl')
}

/** Why an attempt gave up, in words for people. */
export function errorPath(attemptFolder: string): string {
  return join(attemptFolder, 'error.json')
}

/** Identifies a line of a file of requests, so that an answer can say which request it is to. */
export function markOf(line: string): string {
  return hexOf(sha256(line)).slice(0, 2 * MARK_BYTES)
}

/** An entry of the file of keys. */
export function keyEntry(key: RowKey, line: string): Buffer {
  return Buffer.from(hexOf(key) + markOf(line), 'hex')
}

/** Reads what an entry of the file of keys says. */
export function readEntry(bytes: Buffer): { key: RowKey; mark: string } {
  const hex = bytes.toString('hex', 0, KEY_BYTES)
  return { key: `sha256:${hex.slice(0, 64)}` as RowKey, mark: hex.slice(64) }
}

export function writeRecord(folder: string, record: ShardRecord): Promise<void> {
  return writeFileAtomic(join(folder, 'shards.json'), `${JSON.stringify(record)}\n`)
}

/** The record of an array; undefined where there is none, or one of another version. */
export function readRecord(folder: string): ShardRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(folder, 'shards.json'), 'utf8')) as ShardRecord
    return record.format === 1 ? record : undefined
  } catch {
    return undefined
  }
}

/** Keys of all requests of these shards' folders. */
export function keysIn(taskFolders: readonly string[]): KeySet {
  const keys = new KeySet()
  const block = Buffer.alloc(KEY_BYTES * 4096)
  for (const folder of taskFolders) {
    const path = keysPath(folder)
    if (!existsSync(path)) continue
    const fd = openSync(path, 'r')
    try {
      for (let at = 0, read = 1; read > 0; at += read) {
        read = readSync(fd, block, 0, block.length, at)
        for (let entry = 0; entry + KEY_BYTES <= read; entry += KEY_BYTES)
          keys.addHalves(block.readUInt32BE(entry + 4), block.readUInt32BE(entry))
      }
    } finally {
      closeSync(fd)
    }
  }
  return keys
}

/** The key of one request of a shard. */
export function readKey(taskFolder: string, line: number): RowKey | undefined {
  const fd = openSync(keysPath(taskFolder), 'r')
  try {
    const entry = Buffer.alloc(KEY_BYTES)
    return readSync(fd, entry, 0, KEY_BYTES, line * KEY_BYTES) === KEY_BYTES ? readEntry(entry).key : undefined
  } finally {
    closeSync(fd)
  }
}
