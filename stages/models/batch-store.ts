import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { RowKey } from '../../cache/digest.ts'
import { freshNonce, writeFileAtomic } from '../../cache/durable.ts'
import { newOwner, type OwnerRecord, vitality } from '../../cache/owner.ts'
import { keyOfLine } from './batch-file.ts'

/** What is known of a batch on its way, durable after each step, so that none is submitted twice. */
export interface BatchRecord {
  /** Its mark, which the service is told too. */
  id: string
  endpoint: string
  model: string
  /** What is asked of the service for each line. */
  url: string
  count: number
  inputFile?: string
  batch?: string
  /** Who submits it. */
  owner: OwnerRecord
}

/** Batches on their way, in a folder of the store: a record of each, and its request file. */
export class BatchStore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Writes a request file and a record of it. */
  async begin(facts: Pick<BatchRecord, 'endpoint' | 'model' | 'url' | 'count'>, lines: string): Promise<BatchRecord> {
    mkdirSync(this.#folder, { recursive: true })
    const record = { id: freshNonce(), ...facts, owner: newOwner() }
    await writeFileAtomic(this.requests(record), lines)
    await this.save(record)
    return record
  }

  save(record: BatchRecord): Promise<void> {
    return writeFileAtomic(this.#path(record), `${JSON.stringify(record)}\n`)
  }

  /** Path of the request file. */
  requests({ id }: Pick<BatchRecord, 'id'>): string {
    return join(this.#folder, `${id}.jsonl`)
  }

  keys(record: BatchRecord): RowKey[] {
    return readFileSync(this.requests(record), 'utf8')
      .split('\n')
      .flatMap((line) => keyOfLine(line) ?? [])
  }

  /** Batches of this model at this endpoint that earlier runs left; one that a living process is about to submit is its own. */
  left(endpoint: string, model: string): BatchRecord[] {
    if (!existsSync(this.#folder)) return []
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .flatMap((name) => this.#read(join(this.#folder, name)) ?? [])
      .filter((record) => record.endpoint === endpoint && record.model === model)
      .filter((record) => record.batch !== undefined || vitality(record.owner) === 'dead')
      .filter((record) => existsSync(this.requests(record)))
  }

  remove(record: BatchRecord): void {
    rmSync(this.#path(record), { force: true })
    rmSync(this.requests(record), { force: true })
  }

  #path({ id }: Pick<BatchRecord, 'id'>): string {
    return join(this.#folder, `${id}.json`)
  }

  #read(path: string): BatchRecord | undefined {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as BatchRecord
    } catch {
      // Taken away meanwhile by whoever collected it.
      return undefined
    }
  }
}
