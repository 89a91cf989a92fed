import { closeSync, createReadStream, mkdirSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs'
import { copyFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { RowKey } from '../../cache/digest.ts'
import { freshNonce, fsyncFile } from '../../cache/durable.ts'
import type { RowRequest } from '../asking.ts'
import { StageError } from '../define.ts'
import { keyOfLine, requestLine, resultOfLine } from './batch-file.ts'
import type { BulkAsker, BulkResult, BulkTransport } from './bulk.ts'

interface Place {
  file: string
  offset: number
  length: number
}

const REQUESTS = 'requests.jsonl'
const ANSWERS = /^answers.*\.jsonl$/

/**
 * Asks by files: what is not answered in `answers*.jsonl` of the folder is written to `requests.jsonl` there, in the form of
 * OpenAI batches, for whatever program or service answers such files.
 */
export class ExchangeTransport implements BulkTransport {
  readonly #folder: string
  readonly #model: string
  #answers: Promise<ReadonlyMap<RowKey, Place>> | undefined
  readonly #written = new Set<RowKey>()
  #aside: { path: string; fd: number } | undefined

  constructor(folder: string, model: string) {
    this.#folder = folder
    this.#model = model
  }

  get note(): string | undefined {
    return this.#written.size === 0 ? undefined : `${this.#written.size} requests written to ${this.#path}`
  }

  async ask(request: RowRequest, { halt }: BulkAsker): Promise<BulkResult> {
    this.#answers ??= this.#index()
    const place = (await this.#answers).get(request.key)
    if (place) {
      const found = resultOfLine(read(place), { file: place.file })
      if (found) return found.result
    }
    if (halt.aborted) return { kind: 'halted' }
    if (!this.#written.has(request.key)) {
      this.#written.add(request.key)
      this.#aside ??= this.#openAside()
      writeSync(this.#aside.fd, requestLine(request, this.#model, '/v1'))
    }
    return { kind: 'written' }
  }

  async finish(): Promise<void> {
    if (!this.#aside) return
    const { path } = this.#aside
    await fsyncFile(path)
    const copy = `${path}.whole`
    await copyFile(path, copy)
    await fsyncFile(copy)
    await rename(copy, this.#path)
    throw new StageError(`${this.#written.size} requests wait for their answers: ${this.#path}`, {
      advice: `Have them answered (each line is a request of the OpenAI Batch format; e.g. \`vllm run-batch -i ${REQUESTS} -o answers.jsonl --model NAME\`), put the answers beside it as answers.jsonl or answers-….jsonl, and run again.`,
    })
  }

  /** Takes back what is not needed any more. */
  close(): void {
    if (!this.#aside) {
      // Everything was answered: the requests of an earlier run are old.
      if (this.#answers !== undefined) rmSync(this.#path, { force: true })
      return
    }
    closeSync(this.#aside.fd)
    rmSync(this.#aside.path, { force: true })
  }

  get #path(): string {
    return join(this.#folder, REQUESTS)
  }

  #openAside(): { path: string; fd: number } {
    mkdirSync(this.#folder, { recursive: true })
    const path = join(this.#folder, `.${REQUESTS}.${freshNonce()}`)
    return { path, fd: openSync(path, 'ax') }
  }

  // Of several answers to a row the first in the order of names counts.
  async #index(): Promise<ReadonlyMap<RowKey, Place>> {
    const places = new Map<RowKey, Place>()
    let names: string[]
    try {
      names = readdirSync(this.#folder).filter((name) => ANSWERS.test(name))
    } catch {
      return places
    }
    for (const name of names.sort()) {
      const file = join(this.#folder, name)
      let offset = 0
      for await (const line of createInterface({ input: createReadStream(file), crlfDelay: 0 })) {
        const length = Buffer.byteLength(line)
        const key = keyOfLine(line)
        if (key !== undefined && !places.has(key)) places.set(key, { file, offset, length })
        offset += length + 1
      }
    }
    return places
  }
}

function read({ file, offset, length }: Place): string {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(length)
    readSync(fd, bytes, 0, length, offset)
    return bytes.toString('utf8')
  } finally {
    closeSync(fd)
  }
}
