import { createReadStream, readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { sha256Stream } from '../../../cache/digest.ts'
import { writeFileAtomic } from '../../../cache/durable.ts'
import { forEachOf } from '../../../cache/for-each-of.ts'
import { type Json, type RowRequest, StageError, type TaskContext } from '../../define.ts'
import type { Asking } from '../ask.ts'
import { lazyLease } from '../lazy-lease.ts'
import { RowAsker } from '../row-asker.ts'
import { AnswerFile, type ShardRequest } from './answer-file.ts'
import {
  errorPath,
  KEY_BYTES,
  keysPath,
  markOf,
  readEntry,
  readRecord,
  requestsPath,
  type ShardRecord,
} from './shard-folder.ts'

/** Rows begun for each that may be in flight: what waits for its turn costs nothing but memory. */
const BEGUN = 2

/**
 * Answers one shard of requests through a model of its own, into a file of its attempt's folder. What other attempts at the
 * same shard were answered is taken over first. Ends well when every request has an answer, a refusal or a failure.
 */
export async function runShardTask(context: TaskContext, backoffMs?: Asking['backoffMs']): Promise<void> {
  const { folder, task, taskFolder, attemptFolder, attempts } = context
  try {
    const record = readRecord(folder)
    const shard = record?.shards[task]
    if (!record || !shard) throw new StageError(`${folder} holds no shard ${task}`)
    await refuseDamaged(taskFolder, shard)
    const answers = new AnswerFile(attemptFolder, shard.rows)
    try {
      const entries = readFileSync(keysPath(taskFolder))
      const entry = (line: number): ReturnType<typeof readEntry> | undefined =>
        line < shard.rows ? readEntry(entries.subarray(line * KEY_BYTES, (line + 1) * KEY_BYTES)) : undefined
      for (const other of attempts) if (resolve(other) !== resolve(attemptFolder)) await answers.adopt(other, entry)
      await askAll(context, record, shard.rows, answers, backoffMs)
    } finally {
      await answers.close()
    }
  } catch (error) {
    if (error instanceof StageError) await tell(attemptFolder, error)
    throw error
  }
}

async function askAll(
  { taskFolder, models, drain, signal, log }: TaskContext,
  { llm, settings }: ShardRecord,
  rows: number,
  answers: AnswerFile,
  backoffMs: Asking['backoffMs'],
): Promise<void> {
  let left = 0
  for (let line = 0; line < rows; line++) if (!answers.has(line)) left++
  log(`${left} of ${rows} requests to ask`)
  if (left === 0) return
  const services = { rows: answers, count: answers.count, drain, signal }
  const asker = new RowAsker(services, settings, lazyLease(models, llm), backoffMs)
  let complete = true
  try {
    await forEachOf(settings.concurrency * BEGUN, turnsOf(requestsOf(taskFolder)), async (next) => {
      const found = await next
      if (!found || answers.has(found.line)) return
      if (asker.halted) {
        complete = false
        return
      }
      answers.begin(found)
      const row = await asker.answer(found.request)
      if (row.kind === 'halted') complete = false
      else if (row.kind === 'failed') answers.fail(found, row.message)
    })
    await asker.finish(complete)
  } catch (error) {
    asker.halt(error)
    throw error
  } finally {
    await asker.close()
  }
}

type Found = ShardRequest & { request: RowRequest }

/** Requests of a shard in the order of their file. */
async function* requestsOf(taskFolder: string): AsyncGenerator<Found> {
  let line = 0
  for await (const text of createInterface({ input: createReadStream(requestsPath(taskFolder)), crlfDelay: 0 })) {
    const { custom_id: key, url, body } = JSON.parse(text)
    const { model: _, ...rest } = body as { [name: string]: Json }
    yield { key, line: line++, mark: markOf(text), request: { key, path: url.slice('/v1'.length), body: rest } }
  }
}

/** What a stream brings, as promises that several may take from. */
function* turnsOf<Value>(stream: AsyncGenerator<Value>): Generator<Promise<Value | undefined>> {
  let over = false
  while (!over)
    yield stream.next().then(({ value, done }) => {
      if (!done) return value
      over = true
      return undefined
    })
}

async function refuseDamaged(taskFolder: string, { digest }: ShardRecord['shards'][number]): Promise<void> {
  const path = requestsPath(taskFolder)
  const found = sha256Stream()
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) found.update(chunk as Buffer)
  if (found.digest() === digest) return
  throw new StageError(`${basename(dirname(path))}/${basename(path)} is not what was written`, {
    where: path,
    advice: 'The shared folder must give every machine the same bytes. Run again: what is missing is cut anew.',
  })
}

async function tell(attemptFolder: string, error: StageError): Promise<void> {
  const { message, advice, tail, transient } = error
  await writeFileAtomic(errorPath(attemptFolder), `${JSON.stringify({ message, advice, tail, transient })}\n`)
}
