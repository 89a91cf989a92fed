import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import { type JsonlWriter, writeJsonl } from '../data/jsonl.ts'
import { FILES, fileOf, type Passage } from '../data/rows.ts'
import { type RowRequest, type ServiceContext, StageError, type StageSummary } from '../define.ts'
import { isBulk, type ModelBlock } from '../models/block.ts'
import { BULK_WINDOW } from '../models/bulk.ts'
import { DiversityMeter } from './diversity/meter.ts'
import { FirstKeysNotes } from './first-keys.ts'
import { lazyLease } from './lazy-lease.ts'
import type { GenerateOptions } from './options.ts'
import { readPassageBatches, readPassages } from './passages.ts'
import { callsOf, type QueryUnit, unitsOf, unitsPerPassage } from './query-units.ts'
import { QueryWriter } from './query-writer.ts'
import type { Settled } from './question.ts'
import { labelledExamples } from './request-setup.ts'
import { RowAsker } from './row-asker.ts'
import type { ShardSeams } from './shards/answer-in-shards.ts'
import { type FirstRequests, firstRequests } from './stored/first-requests.ts'
import { portionsOf } from './stored/portions.ts'
import type { SettledBatch } from './stored/settle.ts'
import { type PairWriter, writeWithoutModel } from './without-model.ts'

/** Conversations begun together: their requests are made, and wait in memory for their turn, at once. */
const BATCH = 64
/** Those that are handed to threads together. */
const STORED_BATCH = 256
/** Rows begun and not written: bounds memory, and how far others run ahead of a slow one. */
const WINDOW = 2048
/** Requests begun and not answered, for each that may be on its way: what waits in memory makes collecting garbage slow. */
const BEGUN_PER_SLOT = 1.25
const LEAST_BEGUN = 32
/** So many conversations whose keys are known are worth threads that read what is stored. */
const WORTH_THREADS = 10_000
/** How often it is said what rows of other processes are waited for. */
const TELL_MS = 2000

/** Seams for tests. */
export interface GenerateSeams {
  backoffMs?: (tries: number) => number
  shards?: ShardSeams
  worthThreads?: number
}

/** Takes pairs, also those that are lines already. */
interface QueryFile extends PairWriter {
  writeSettled(batch: SettledBatch): Promise<void>
}

/**
 * Writes `pairs.jsonl` in the order of the passages, a copy of their file, and a manifest that names it. Every answer
 * is in the row store before it is used; what has been answered is never asked again.
 */
export async function run(context: ServiceContext<GenerateOptions>, seams: GenerateSeams = {}): Promise<StageSummary> {
  const ahead = context.options.model ? await firstRequests(context, seams.worthThreads ?? WORTH_THREADS) : undefined
  try {
    return await runWith(context, seams, ahead)
  } finally {
    await ahead?.threads?.close()
  }
}

async function runWith(
  context: ServiceContext<GenerateOptions>,
  seams: GenerateSeams,
  ahead: FirstRequests | undefined,
): Promise<StageSummary> {
  const folder = context.outputs.pairs!
  const source = fileOf(context.inputs.passages, FILES.passages)
  const lines = await countLines(source.location)
  const total = lines * context.options.per_passage
  const passages = (): AsyncGenerator<Passage> => readPassages(source.location, source.path)
  const writer = await writeJsonl(join(folder, FILES.pairs))
  const meter = await DiversityMeter.of(lines, context.options.per_passage)
  const { negatives: negativesFolder } = context.outputs
  const negatives = negativesFolder === undefined ? undefined : await writeJsonl(join(negativesFolder, FILES.negatives))
  const pairs: QueryFile = {
    async writeAll(some) {
      for (const pair of some) meter.add(pair)
      await writer.writeAll(some)
    },
    async writeSettled(batch) {
      for (const pair of batch.looked) meter.add(pair)
      await writer.writeLines(batch.pairs, batch.counts.pairs)
      await negatives?.writeLines(batch.negatives, batch.negativeRows)
    },
  }
  let summary: StageSummary
  try {
    summary =
      (await writeWithoutModel(context, passages(), pairs, total)) ??
      (await askAll(context, ahead!, passages, { pairs, negatives }, lines, seams))
  } finally {
    await writer.close()
    await negatives?.close()
  }
  await context.passOn('pairs', { ...source, executable: false })
  const examples = await labelledExamples((name) => context.inputs[name], context.options)
  if (examples.length > 0) {
    const ids = examples.map(({ query_id, passage_id }) => ({ query_id, passage_id }))
    await writeFile(join(folder, FILES.examples), `${JSON.stringify(ids)}\n`)
  }
  const manifest = { schema: 1, corpus: { file: FILES.passages, blob: source.blob } }
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest)}\n`)
  return { ...summary, details: { ...(summary.details as object | undefined), diversity: meter.result() } }
}

async function askAll(
  given: ServiceContext<GenerateOptions>,
  ahead: FirstRequests,
  passages: () => AsyncIterable<Passage>,
  writers: { pairs: QueryFile; negatives: JsonlWriter | undefined },
  lines: number,
  seams: GenerateSeams,
): Promise<StageSummary> {
  const { options, arrays } = given
  const total = lines * options.per_passage
  const source = fileOf(given.inputs.passages, FILES.passages)
  const { setup } = ahead
  const llm = given.inputs.model as Extract<typeof given.inputs.model, { type: 'llm' }>
  const isServed = (llm.model as ModelBlock).serve !== undefined
  const { warnings: ofTasks = [], ...answered } =
    arrays && isServed
      ? await (await import('./shards/answer-in-shards.ts')).answerInShards(
          given,
          arrays,
          setup,
          passages,
          total,
          seams.shards,
        )
      : {}
  const context = { ...given, ...answered }
  const window = isBulk(llm.model as ModelBlock) ? BULK_WINDOW : WINDOW
  const asker = new RowAsker(context, options, lazyLease(context.models, llm), seams.backoffMs)
  asker.onTaken = () => onRoom()
  const writer = new QueryWriter(writers, options)
  const { counts } = writer
  const queriesOf = options.show_previous ? options.per_passage : (options.per_call ?? 1)
  const begun: (
    | { passage: Passage; first: number; result: UnitResult | Promise<void> }
    | { passage?: never; result: SettledBatch }
  )[] = []
  let begunRows = 0
  const mostBegun = isBulk(llm.model as ModelBlock)
    ? window
    : Math.max(LEAST_BEGUN, BEGUN_PER_SLOT * options.concurrency)
  const perPassage = unitsPerPassage(options)
  const keys = ahead.keys?.count === lines * perPassage ? ahead.keys : undefined
  const noted = new FirstKeysNotes()
  /** Passages so far. */
  let read = 0
  let asking = 0
  let onRoom = (): void => {}
  let settled = 0
  let complete = true

  const settle = (): void => {
    settled = Math.min(total, settled + queriesOf)
  }
  /** Writes what is settled, and waits until no more than so much is left. */
  const write = async (most: number): Promise<void> => {
    for (let next = begun[0]; next; next = begun[0]) {
      if (next.result instanceof Promise) {
        if (begunRows <= most) break
        await next.result
        continue
      }
      begun.shift()
      if (!next.passage) {
        begunRows -= next.result.counts.passages * perPassage
        await writer.flush()
        writer.count(next.result)
        await writers.pairs.writeSettled(next.result)
        continue
      }
      begunRows--
      if (next.result === 'halted') complete = false
      else writer.add(next.passage, next.first, next.result)
      if (writer.isFull) await writer.flush()
    }
  }
  const begin = async (batch: readonly Passage[]): Promise<void> => {
    const units: { passage: Passage; unit: QueryUnit; first: QueryStep }[] = []
    const wanted: RowKey[] = []
    const before = read * perPassage
    read += batch.length
    for (const [i, passage] of batch.entries()) {
      const at = before + i * perPassage
      // The first of each batch are computed all the same: nothing else would ever tell that they are those of others.
      const keyOf = keys && i > 0 ? (unit: number): RowKey => keys.at(at + unit) : undefined
      for (const unit of unitsOf(setup, passage, options, keyOf)) {
        const first = unit.asked.next()
        units.push({ passage, unit, first })
        if (first.done) continue
        wanted.push(first.value.key)
        if (!keys) noted.add(first.value)
        else if (!keyOf && first.value.key !== keys.at(units.length - 1 + before)) {
          context.memos.forget(ahead.of)
          throw new Error('the keys of rows that were remembered are not those of these passages')
        }
      }
    }
    const stored = await context.rows.getMany(wanted)
    begunRows += units.length
    for (const { passage, unit, first } of units) {
      const next = followStored(asker, unit.asked, first, stored)
      if (next.done) {
        begun.push({ passage, first: unit.first, result: next.value })
        settle()
        continue
      }
      // Rows of other runs take no slot of the server.
      while (asking >= mostBegun + asker.taken) await new Promise<void>((resolve) => (onRoom = resolve))
      asking++
      const one: Extract<(typeof begun)[number], { passage: Passage }> = { passage, first: unit.first, result: [] }
      begun.push(one)
      one.result = converse(asker, unit.asked, next).then((calls) => {
        one.result = calls
        asking--
        onRoom()
        if (calls === 'halted') return
        settle()
        context.progress(settled, total, asker.waitsFor)
      })
    }
    context.progress(settled, total, asker.waitsFor)
    await write(window)
  }

  /** What was read of stored answers waits for its turn to be written. */
  const take = async (settledBatch: SettledBatch): Promise<void> => {
    const rows = settledBatch.counts.passages * perPassage
    read += settledBatch.counts.passages
    begunRows += rows
    begun.push({ result: settledBatch })
    asker.storedElsewhere(rows, settledBatch.answered)
    settled = Math.min(total, settled + rows * queriesOf)
    context.progress(settled, total, asker.waitsFor)
    await write(window)
  }

  let waitedFor: string | undefined
  const telling = setInterval(() => {
    const note = asker.waitsFor
    // Once more when it is over: nobody shall read on that a server loads.
    if (note !== undefined || waitedFor !== undefined) context.progress(settled, total, note)
    waitedFor = note
  }, TELL_MS)
  try {
    const passagesOf = (rows: number): number => Math.max(1, Math.floor(rows / Math.max(1, callsOf(options))))
    const portions =
      keys && ahead.threads
        ? portionsOf(source, passagesOf(STORED_BATCH), {
            keys,
            perPassage,
            rows: context.rows,
            settling: ahead.threads,
          })
        : readPassageBatches(source.location, source.path, passagesOf(BATCH))
    for await (const portion of portions) {
      if (asker.halted) {
        complete = false
        break
      }
      if ('settled' in portion) await take(portion.settled)
      else {
        counts.passages += portion.length
        await begin(portion)
      }
    }
    await write(0)
    await writer.flush()
    await asker.finish(complete)
    if (!keys && complete) noted.keep(context.memos, ahead.of)
  } catch (error) {
    asker.halt(error)
    throw error
  } finally {
    clearInterval(telling)
    // Rows still begun here belong to a run that failed; they must be over before the client is closed.
    await Promise.all(begun.map(({ result }) => result))
    await context.rows.flush()
    await asker.close()
  }
  if (counts.failed > options.allow_failed) {
    throw new StageError(`${counts.failed} of ${settled} requests failed: ${writer.messages.failed}`, {
      advice: 'Every answer so far is kept: run again to ask for the rest, or set `allow_failed`.',
      transient: true,
    })
  }
  const warnings = [...ofTasks, ...warningsOf(writer), ...cutWarning(writer.cut, options)]
  return {
    counts: { ...counts, ...(writers.negatives ? { negatives: writers.negatives.rows } : {}) },
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(counts.failed > 0 ? { incomplete: counts.failed } : {}),
  }
}

/** A request, or what its conversation came to. */
type QueryStep = IteratorResult<RowRequest, readonly Settled[]>

/** What became of a unit's calls; never a rejection, so that units can be awaited in order. */
type UnitResult = readonly Settled[] | 'halted'

/** Follows a conversation as far as its answers are stored. */
function followStored(
  asker: RowAsker,
  asked: QueryUnit['asked'],
  first: QueryStep,
  stored: ReadonlyMap<RowKey, CanonicalValue>,
): QueryStep {
  let next = first
  while (!next.done) {
    const value = stored.get(next.value.key)
    if (value === undefined) break
    next = asked.next(asker.stored(value))
  }
  return next
}

async function converse(asker: RowAsker, asked: QueryUnit['asked'], from: QueryStep): Promise<UnitResult> {
  for (let next = from; ; ) {
    if (next.done) return next.value
    const answer = await asker.answer(next.value)
    if (answer.kind === 'halted') return 'halted'
    next = asked.next(answer)
  }
}

function cutWarning(cut: number, { decoding }: GenerateOptions): string[] {
  if (cut === 0) return []
  return [`${answers(cut)} ended at max_tokens (${decoding.max_tokens}), most likely in the middle of a query`]
}

function answers(count: number): string {
  return count === 1 ? '1 answer' : `${count} answers`
}

function warningsOf({ counts, messages }: QueryWriter): string[] {
  return [
    ...(counts.refused > 0 ? [`${counts.refused} requests were refused for good: ${messages.refused}`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} requests failed and will be asked again: ${messages.failed}`] : []),
    ...(counts.unparsed > 0 ? [`${answers(counts.unparsed)} held no query`] : []),
  ]
}

async function countLines(location: string): Promise<number> {
  let lines = 0
  for await (const chunk of createReadStream(location, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++
  return lines
}
