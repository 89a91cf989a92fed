import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionRecord } from './action-record.ts'
import { haveSameOutputs } from './artifact.ts'
import type { BlobStore } from './blob-store.ts'
import { type CanonicalValue, canonicalBytes } from './canonical.ts'
import { type ActionKey, type BlobId, hexOf, sha256 } from './digest.ts'
import { writeFileAtomic } from './durable.ts'
import { forEachOf } from './for-each-of.ts'
import { openRemote } from './open-remote.ts'
import { type PatientRemote, patientRemote } from './patient-remote.ts'
import { RemoteError } from './remote.ts'
import type { RemoteConfig } from './remote-config.ts'
import {
  blobName,
  decodeEntry,
  encodeEntry,
  INDEX_FOLDER,
  type IndexEntry,
  LONGEST_ENTRY,
  type PackEntry,
  type PublishedResult,
  packName,
} from './remote-index.ts'
import { receivePack } from './row-pack.ts'
import type { Signer, TrustList } from './signing.ts'
import { isMissing } from './store-error.ts'

const AT_ONCE = 8

/** A result that a remote offers. */
export interface FoundResult extends PublishedResult {
  remote: string
  /** Name of the trusted key; `unsigned` where that was allowed. */
  signer: string
}

/** What came of asking for bytes of a known digest. */
export type Received = 'ok' | 'missing' | 'damaged'

/**
 * A remote and the copy of its index as it was last synced, so that plans need no network. Entries stay as they came
 * and are checked each time they are read: trust that was taken back counts at once. Failures are told, each once, and
 * end nothing; failures of our own disk are thrown.
 */
export class SyncedRemote {
  readonly config: RemoteConfig
  readonly #folder: string
  readonly #tell: (message: string) => void
  readonly #trust: TrustList
  readonly #signal: AbortSignal | undefined
  #remote: PatientRemote | undefined
  /** Newest first: models may give several results for one key. */
  #results = new Map<ActionKey, FoundResult[]>()
  #packs: PackEntry[] = []

  constructor(
    config: RemoteConfig,
    store: string,
    facts: { trust: TrustList; tell: (message: string) => void; signal?: AbortSignal },
  ) {
    this.config = config
    const id = hexOf(sha256(canonicalBytes('remote-place', { ...config.place } as CanonicalValue)))
    this.#folder = join(store, 'remotes', id.slice(0, 16))
    this.#trust = facts.trust
    this.#signal = facts.signal
    this.#tell = (message) => facts.tell(`remote ${config.name}: ${message}`)
  }

  get packs(): readonly PackEntry[] {
    return this.dead ? [] : this.#packs
  }

  get dead(): boolean {
    return this.#remote?.dead !== undefined
  }

  results(): Iterable<FoundResult> {
    return this.dead ? [] : [...this.#results.values()].flat()
  }

  /** The results of a key that the index has, newest first. */
  find(key: ActionKey): readonly FoundResult[] {
    return this.dead ? [] : (this.#results.get(key) ?? [])
  }

  /** Whether the index has this result, whatever became of the remote. */
  lists({ key, outputs }: ActionRecord): boolean {
    return (this.#results.get(key) ?? []).some(({ record }) => haveSameOutputs(record.outputs, outputs))
  }

  /** Takes a result that turned out not to be there out of the copy in memory. */
  forget(found: FoundResult): void {
    const { key } = found.record
    this.#results.set(
      key,
      (this.#results.get(key) ?? []).filter((one) => one !== found),
    )
  }

  /** Reads the copy. */
  load(): void {
    this.#results = new Map()
    this.#packs = []
    const refused = new Map<string, number>()
    for (const file of this.#names()) {
      const decoded = decodeEntry(
        INDEX_FOLDER + file,
        readFileSync(join(this.#folder, file)),
        this.#trust,
        this.config.unsigned,
      )
      if ('entry' in decoded) this.#take(decoded.entry, decoded.signer)
      else {
        const why = refusal(decoded)
        refused.set(why, (refused.get(why) ?? 0) + 1)
        // What was damaged here or on its way is worth another download.
        if (decoded.problem === 'damaged') rmSync(join(this.#folder, file), { force: true })
      }
    }
    for (const [why, count] of refused) {
      this.#tell(`${count === 1 ? '1 entry' : `${count} entries`} of its index ${why}; not used`)
    }
  }

  /** Brings the copy up to date; false after telling why that can't be done now. */
  async sync(): Promise<boolean> {
    return this.attempt('its index was not synced', async (remote) => {
      const names = (await remote.list(INDEX_FOLDER)).filter((name) => /^index\/[0-9a-f]{64}$/.test(name))
      const there = new Set(this.#names())
      mkdirSync(this.#folder, { recursive: true })
      await forEachOf(AT_ONCE, names, async (name) => {
        const file = name.slice(INDEX_FOLDER.length)
        if (there.delete(file)) return
        const bytes = await readAll(await remote.read(name), LONGEST_ENTRY)
        if (bytes && hexOf(sha256(bytes)) === file) await writeFileAtomic(join(this.#folder, file), bytes)
        else this.#tell(`an entry of its index (${name}) is damaged there; not used`)
      })
      for (const file of there) rmSync(join(this.#folder, file), { force: true })
      this.load()
    })
  }

  /** Downloads a blob into the store, unless that fails; telling is left to the caller. */
  async receiveBlob(blobs: BlobStore, id: BlobId, size: number): Promise<Received> {
    const source = await this.open().read(blobName(id))
    if (!source) return 'missing'
    return (await blobs.receive(id, size, source)) ? 'ok' : 'damaged'
  }

  /** Downloads a pack into a folder of rows. */
  async receivePack(folder: string, pack: PackEntry): Promise<boolean> {
    return this.attempt('stored answers were not fetched from it', async (remote) => {
      const source = await remote.read(packName(pack))
      if (source && (await receivePack(folder, pack, source))) return
      const state = source ? 'damaged' : 'missing'
      throw new RemoteError('broken', `a pack of rows is ${state} there (${packName(pack)}); none of it was used`)
    })
  }

  /** Adds an entry to the index; what it speaks of must be there. */
  async publish(entry: IndexEntry, signer: Signer | undefined): Promise<void> {
    const { name, bytes } = encodeEntry(entry, signer)
    await this.open().put(name, bytes)
    mkdirSync(this.#folder, { recursive: true })
    await writeFileAtomic(join(this.#folder, name.slice(INDEX_FOLDER.length)), bytes)
    this.#take(entry, signer ? 'this machine' : 'unsigned')
  }

  open(): PatientRemote {
    const { timeoutMs } = this.config
    this.#remote ??= patientRemote(openRemote(this.config), {
      timeoutMs,
      ...(this.#signal ? { signal: this.#signal } : {}),
    })
    return this.#remote
  }

  /** Does what needs the remote; false after telling what went wrong, in which case the work goes on without. */
  async attempt(what: string, work: (remote: PatientRemote) => Promise<void>): Promise<boolean> {
    const remote = this.open()
    if (remote.dead) return false
    try {
      await work(remote)
      return true
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error
      const advice = error.advice === undefined ? '' : ` (${error.advice})`
      const rest = remote.dead ? '; the work goes on without it' : ''
      this.#tell(`${what}: ${error.message}${advice}${rest}`)
      return false
    }
  }

  tell(message: string): void {
    this.#tell(message)
  }

  close(): void {
    this.#remote?.close()
  }

  #take({ results, packs }: IndexEntry, signer: string): void {
    for (const { record, preimage } of results) {
      const found = { record, preimage, signer, remote: this.config.name }
      const others = (this.#results.get(record.key) ?? []).filter(
        (one) => one.record.startedAt !== record.startedAt || !haveSameOutputs(one.record.outputs, record.outputs),
      )
      const at = others.findIndex((one) => one.record.startedAt < record.startedAt)
      this.#results.set(record.key, others.toSpliced(at === -1 ? others.length : at, 0, found))
    }
    this.#packs.push(...packs)
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => /^[0-9a-f]{64}$/.test(name))
        .sort()
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }
}

function refusal({ problem, key }: { problem: string; key?: string }): string {
  switch (problem) {
    case 'unsigned':
      return 'has no signature (`unsigned: allow` of the remote would accept it)'
    case 'unknown-key':
      return `is signed with a key that is not trusted (if you know whose it is: queryloom keys trust NAME ${key})`
    case 'bad-signature':
      return 'has a wrong signature'
    default:
      return 'is damaged'
  }
}

async function readAll(source: AsyncIterable<Uint8Array> | undefined, most: number): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of source ?? []) {
    size += piece.byteLength
    if (size > most) return undefined
    pieces.push(piece)
  }
  return source && Buffer.concat(pieces)
}
