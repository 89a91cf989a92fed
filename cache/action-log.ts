import { join } from 'node:path'
import type { ActionRecord, NodeAddress, StoredResult } from './action-record.ts'
import type { CanonicalValue } from './canonical.ts'
import { type ActionKey, type BlobId, hexOf, sha256 } from './digest.ts'
import { EarlyResults } from './early-results.ts'
import { type LinePlace, LogFile } from './log-file.ts'
import { Pace } from './pace.ts'
import { asStoreError } from './store-error.ts'

export type { ActionRecord, NodeAddress, RecordedFile, RecordedOutput, StoredResult } from './action-record.ts'

/**
 * Every result that was ever recorded, append-only and shared by processes. A record is there only if its outputs and
 * its preimage were on the disk before it; what is damaged is skipped, and then the node it was for simply runs again.
 */
export interface ActionLog {
  /** Every result of a key, newest first. */
  find(key: ActionKey): ActionRecord[]
  /** The newest result that a node had, whether it was made for that node or moved there. */
  head(address: NodeAddress): { key: ActionKey; record: ActionRecord } | undefined
  /** Everything that decided the outputs of a key, as it was hashed; undefined if it is damaged. */
  preimage(key: ActionKey): CanonicalValue | undefined
  /**
   * Records a result. From the moment of the call it outlives this process; the promise resolves when it outlives the
   * machine. Calls made at the same time share one commit, and the order of calls is the order in the log. The blobs of the outputs must have
   * been put. Throws a StoreError if the disk refuses; then nothing was recorded.
   */
  append(record: ActionRecord, preimage: CanonicalValue): Promise<void>
  /** Makes a result the newest one of a node that was served by it; does nothing if it is already. */
  moveHead(address: NodeAddress, record: ActionRecord): Promise<void>
  /** Every result, forgotten ones included, in the order in which they were recorded. */
  results(): StoredResult[]
  /**
   * From now on `find` gives these no more; heads and preimages stay, so that plans can say what happened. A run that
   * uses one nevertheless, because it had found it before, makes it count again.
   */
  forget(ids: readonly string[]): Promise<void>
  /** Whether a record was forgotten since it was found. */
  isForgotten(record: ActionRecord): boolean
  /** Takes in what other processes recorded. */
  refresh(): void
  /** Resolves when nothing waits to be written. */
  flush(): Promise<void>
  close(): Promise<void>
  /** Lines that could not be read; more than 0 is worth a warning, never an error. */
  readonly damaged: number
}

/** Opens the log in a folder that exists; nothing is read before the first question. */
export function openActionLog(folder: string, blobs: { sync(ids: readonly BlobId[]): Promise<void> }): ActionLog {
  return new FileActionLog(folder, blobs)
}

/** A recorded result; the body is parsed when it is asked for. */
interface Entry {
  id: string
  key: ActionKey
  body: Buffer | undefined
  record: ActionRecord | undefined
  forgottenAt?: number | undefined
}

/** `landed`: what was forgotten above this line could be known from then on. */
type Forgetting = readonly ['forget', ActionKey, string] | readonly ['landed', number]

type Head =
  | readonly ['result', ActionKey, string, string, string, string, number, number]
  | readonly ['head', ActionKey, string, string, string, string]

/** What waits for the next commit. */
interface Waiting {
  blobs: readonly BlobId[]
  preimage?: string
  key: ActionKey
  line(preimage: LinePlace): string
  resolve(): void
  reject(error: unknown): void
}

/** From the beginning of one commit to that of the next. */
const PACE_MS = 40
const NOWHERE: LinePlace = { offset: 0, length: 0 }
const TAB = 9

class FileActionLog implements ActionLog {
  readonly #folder: string
  readonly #blobs: { sync(ids: readonly BlobId[]): Promise<void> }
  readonly #actions: LogFile
  readonly #preimages: LogFile
  readonly #byKey = new Map<ActionKey, Entry[]>()
  readonly #byId = new Map<string, Entry>()
  readonly #heads = new Map<string, Entry>()
  readonly #places = new Map<ActionKey, LinePlace>()
  readonly #earlyPreimages = new Map<ActionKey, CanonicalValue>()
  readonly #early: EarlyResults
  /** Forgotten by lines below which no `landed` was read yet. */
  #landing: Entry[] = []
  #loaded: boolean = false
  #adopted: boolean = false
  #queue: Waiting[] = []
  #committing: Promise<void> | undefined
  readonly #pace = new Pace(PACE_MS)

  constructor(folder: string, blobs: { sync(ids: readonly BlobId[]): Promise<void> }) {
    this.#folder = folder
    this.#blobs = blobs
    this.#actions = new LogFile(join(folder, 'actions.log'), 'actions', 1)
    this.#preimages = new LogFile(join(folder, 'preimages.log'), 'preimages', 1)
    this.#early = new EarlyResults(join(folder, 'early'))
  }

  get damaged(): number {
    this.#load()
    return this.#actions.damaged
  }

  find(key: ActionKey): ActionRecord[] {
    this.#load()
    return (this.#byKey.get(key) ?? []).map(recordOf).reverse()
  }

  head(address: NodeAddress): { key: ActionKey; record: ActionRecord } | undefined {
    this.#load()
    const entry = this.#heads.get(addressText(address))
    return entry && { key: entry.key, record: recordOf(entry) }
  }

  preimage(key: ActionKey): CanonicalValue | undefined {
    this.#load()
    const place = this.#places.get(key)
    const early = this.#earlyPreimages.get(key)
    if (early !== undefined) return early
    const line = place && this.#preimages.readLine(place)?.toString('utf8')
    if (line === undefined || !line.startsWith(`${key} `)) return undefined
    return JSON.parse(line.slice(key.length + 1)) as CanonicalValue
  }

  append(record: ActionRecord, preimage: CanonicalValue): Promise<void> {
    this.#adopt()
    this.#early.note(JSON.stringify({ record, preimage } satisfies Early))
    return this.#record(record, preimage)
  }

  #record(record: ActionRecord, preimage: CanonicalValue): Promise<void> {
    const { key, project, pipeline, node } = record
    const body = JSON.stringify(record)
    const id = idOf(body)
    const blobs = Object.values(record.outputs).flatMap((output) => output.files.map((file) => file.blob))
    if (record.rows) blobs.push(record.rows.blob)
    return this.#enqueue({
      key,
      blobs,
      preimage: `${key} ${JSON.stringify(preimage)}`,
      line: ({ offset, length }) => {
        const head: Head = ['result', key, project, pipeline, node, id, offset, length]
        return `${JSON.stringify(head)}\t${body}`
      },
    })
  }

  async moveHead(address: NodeAddress, record: ActionRecord): Promise<void> {
    this.#load()
    const known = this.#heads.get(addressText(address))
    const isKnown = known?.forgottenAt === undefined
    // The record is mostly the very one that was given out.
    if (isKnown && known?.record === record) return
    const id = idOf(JSON.stringify(record))
    if (isKnown && known?.id === id) return
    await this.#recordHead(address, record.key, id)
  }

  #recordHead({ project, pipeline, node }: NodeAddress, key: ActionKey, id: string): Promise<void> {
    const head: Head = ['head', key, project, pipeline, node, id]
    return this.#enqueue({ key, blobs: [], line: () => `${JSON.stringify(head)}\t` })
  }

  results(): StoredResult[] {
    this.#load()
    const heads = new Map<Entry, NodeAddress[]>()
    for (const [text, entry] of this.#heads) {
      const [project = '', pipeline = '', node = ''] = text.split('\0')
      const address = { project, pipeline, node }
      const known = heads.get(entry)
      if (known) known.push(address)
      else heads.set(entry, [address])
    }
    return [...this.#byId.values()].map((entry) => ({
      id: entry.id,
      record: recordOf(entry),
      ...(entry.forgottenAt === undefined ? {} : { forgottenAt: entry.forgottenAt }),
      heads: heads.get(entry) ?? [],
    }))
  }

  async forget(ids: readonly string[]): Promise<void> {
    this.#load()
    const entries = ids.flatMap((id) => this.#byId.get(id) ?? [])
    const [first] = entries
    if (!first) return
    const write = (key: ActionKey, line: Forgetting): Promise<void> =>
      this.#enqueue({ key, blobs: [], line: () => `${JSON.stringify(line)}\t` })
    await Promise.all(entries.map(({ id, key }) => write(key, ['forget', key, id])))
    await write(first.key, ['landed', Date.now()])
  }

  isForgotten(record: ActionRecord): boolean {
    this.#load()
    // The record is mostly the very one that was given out.
    if (this.#byKey.get(record.key)?.some((entry) => entry.record === record)) return false
    return this.#byId.get(idOf(JSON.stringify(record)))?.forgottenAt !== undefined
  }

  refresh(): void {
    this.#loaded = true
    // Read first: what leaves these files meanwhile has reached the log.
    const early = this.#early.read()
    this.#actions.readNew(
      (payload) => this.#take(payload),
      () => {
        for (const map of [this.#byKey, this.#byId, this.#heads, this.#places]) map.clear()
        this.#landing = []
      },
    )
    for (const line of early) this.#takeEarly(line)
  }

  flush(): Promise<void> {
    return this.#pace.hurry(async () => {
      while (this.#committing !== undefined) await this.#committing
    })
  }

  async close(): Promise<void> {
    await this.flush()
    this.#early.close()
    this.#actions.close()
    this.#preimages.close()
  }

  // What a process that was killed had made is recorded by the next one that records anything.
  #adopt(): void {
    if (this.#adopted) return
    this.#adopted = true
    this.#load()
    const left = this.#early.left()
    const adopted = left.lines.map((line) => {
      const { record, preimage } = JSON.parse(line) as Early
      const newest = this.#heads.get(addressText(record))
      const recorded = this.#record(record, preimage)
      if (!newest || recordOf(newest).startedAt <= record.startedAt) return recorded
      return Promise.all([recorded, this.#recordHead(record, newest.key, newest.id)])
    })
    // Whatever is not recorded now is found again next time.
    if (adopted.length > 0) Promise.all(adopted).then(left.forget, () => {})
  }

  #load(): void {
    if (!this.#loaded) this.refresh()
  }

  #take(payload: Buffer): void {
    const tab = payload.indexOf(TAB)
    const head = JSON.parse(payload.toString('utf8', 0, tab)) as Head | Forgetting
    if (head[0] === 'forget' || head[0] === 'landed') {
      this.#forget(head)
      return
    }
    const [kind, key, project, pipeline, node, id] = head
    const address = addressText({ project, pipeline, node })
    if (kind === 'head') {
      const entry = this.#byId.get(id)
      if (!entry) return
      this.#heads.set(address, entry)
      if (entry.forgottenAt !== undefined) this.#add(entry)
      return
    }
    if (kind !== 'result') return
    this.#earlyPreimages.delete(key)
    const known = this.#byId.get(id)
    if (known) {
      this.#heads.set(address, known)
      this.#places.set(key, { offset: head[6], length: head[7] })
      return
    }
    const entry: Entry = { id, key, body: payload.subarray(tab + 1), record: undefined }
    this.#add(entry)
    this.#byId.set(id, entry)
    this.#heads.set(address, entry)
    this.#places.set(key, { offset: head[6], length: head[7] })
  }

  #takeEarly(line: string): void {
    const { record, preimage } = JSON.parse(line) as Early
    const { key } = record
    const id = idOf(JSON.stringify(record))
    if (this.#byId.has(id)) return
    const entry: Entry = { id, key, body: undefined, record }
    this.#add(entry)
    this.#byId.set(id, entry)
    const newest = this.#heads.get(addressText(record))
    if (!newest || recordOf(newest).startedAt <= record.startedAt) this.#heads.set(addressText(record), entry)
    if (!this.#places.has(key)) this.#earlyPreimages.set(key, preimage)
  }

  #add(entry: Entry): void {
    entry.forgottenAt = undefined
    const results = this.#byKey.get(entry.key)
    if (results) results.push(entry)
    else this.#byKey.set(entry.key, [entry])
  }

  #forget(line: Forgetting): void {
    if (line[0] === 'landed') {
      for (const entry of this.#landing.splice(0)) if (entry.forgottenAt !== undefined) entry.forgottenAt = line[1]
      return
    }
    const entry = this.#byId.get(line[2])
    if (!entry || entry.forgottenAt !== undefined) return
    const rest = (this.#byKey.get(entry.key) ?? []).filter((other) => other !== entry)
    if (rest.length > 0) this.#byKey.set(entry.key, rest)
    else this.#byKey.delete(entry.key)
    entry.forgottenAt = Number.POSITIVE_INFINITY
    this.#landing.push(entry)
  }

  #enqueue(waiting: Omit<Waiting, 'resolve' | 'reject'>): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#queue.push({ ...waiting, resolve, reject })
    })
    this.#committing ??= this.#commitAll()
    return done
  }

  // What comes while a commit is on its way to the disk, or soon after, shares the next: a disk that is made to sync all
  // the time makes everybody wait who makes or removes a file.
  async #commitAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) {
      await this.#pace.next()
      const batch = this.#queue.splice(0)
      this.#early.committing()
      try {
        await this.#commit(batch)
        this.#early.committed()
        for (const { resolve } of batch) resolve()
      } catch (error) {
        const told = asStoreError(error, 'the record of a finished stage', this.#folder)
        for (const { reject } of batch) reject(told)
        // Once the disk has room again, the next process records it.
        this.#early.keep()
      }
    }
    this.#committing = undefined
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const blobs = batch.flatMap((waiting) => waiting.blobs)
    const [places] = await Promise.all([this.#storePreimages(batch), this.#blobs.sync(blobs)])
    await this.#actions.append(batch.map(({ key, line }) => line(places.get(key) ?? NOWHERE)))
    this.refresh()
  }

  async #storePreimages(batch: readonly Waiting[]): Promise<ReadonlyMap<ActionKey, LinePlace>> {
    const texts = new Map<ActionKey, string>()
    const places = new Map<ActionKey, LinePlace>()
    for (const { key, preimage } of batch) {
      if (preimage === undefined) continue
      const place = this.#places.get(key)
      if (place && this.#preimages.readLine(place)?.toString('utf8') === preimage) places.set(key, place)
      else texts.set(key, preimage)
    }
    if (texts.size === 0) return places
    const written = await this.#preimages.append([...texts.values()])
    for (const [at, key] of [...texts.keys()].entries()) places.set(key, written[at] ?? NOWHERE)
    return places
  }
}

/** A result as it is noted before its commit. */
interface Early {
  record: ActionRecord
  preimage: CanonicalValue
}

function idOf(body: string): string {
  return hexOf(sha256(body)).slice(0, 16)
}

function recordOf(entry: Entry): ActionRecord {
  if (!entry.record) {
    entry.record = JSON.parse(entry.body?.toString('utf8') ?? '') as ActionRecord
    entry.body = undefined
  }
  return entry.record
}

function addressText({ project, pipeline, node }: NodeAddress): string {
  return `${project}\0${pipeline}\0${node}`
}
