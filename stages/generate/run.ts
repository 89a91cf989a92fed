import { constants, createReadStream } from 'node:fs'
import { chmod, copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import { type JsonlWriter, writeJsonl } from '../data/jsonl.ts'
import { FILES, fileOf, type Negative, type Pair, type Passage } from '../data/rows.ts'
import { type RowRequest, type ServiceContext, StageError, type StageSummary } from '../define.ts'
import { isBulk, type ModelBlock } from '../models/block.ts'
import { BULK_WINDOW } from '../models/bulk.ts'
import { DiversityMeter } from './diversity/meter.ts'
import { lazyLease } from './lazy-lease.ts'
import type { GenerateOptions } from './options.ts'
import { readPassages, toPair } from './passages.ts'
import { callsOf, type QueryUnit, samplesOf, unitsOf } from './query-units.ts'
import type { Settled } from './question.ts'
import { labelledExamples, requestSetup } from './request-setup.ts'
import { RowAsker } from './row-asker.ts'
import type { ShardSeams } from './shards/answer-in-shards.ts'
import { type PairWriter, writeWithoutModel } from './without-model.ts'

/** Rows looked up in the store at once. */
const BATCH = 256
/** Rows begun and not written: bounds memory, and how far others run ahead of a slow one. */
const WINDOW = 2048
/** How often it is said what rows of other processes are waited for. */
const TELL_MS = 2000

/** Seams for tests. */
export interface GenerateSeams {
  backoffMs?: (tries: number) => number
  shards?: ShardSeams
}

/**
 * Writes `pairs.jsonl` in the order of the passages, a copy of their file, and a manifest that names it. Every answer
 * is in the row store before it is used; what has been answered is never asked again.
 */
export async function run(context: ServiceContext<GenerateOptions>, seams: GenerateSeams = {}): Promise<StageSummary> {
  const folder = context.outputs.pairs!
  const source = fileOf(context.inputs.passages, FILES.passages)
  const lines = await countLines(source.location)
  const total = lines * context.options.per_passage
  const passages = (): AsyncGenerator<Passage> => readPassages(source.location, source.path)
  const writer = await writeJsonl(join(folder, FILES.pairs))
  const meter = await DiversityMeter.of(lines, context.options.per_passage)
  const pairs: PairWriter = {
    async write(pair) {
      meter.add(pair)
      await writer.write(pair)
    },
  }
  const { negatives: negativesFolder } = context.outputs
  const negatives = negativesFolder === undefined ? undefined : await writeJsonl(join(negativesFolder, FILES.negatives))
  let summary: StageSummary
  try {
    summary =
      (await writeWithoutModel(context, passages(), pairs, total)) ??
      (await askAll(context, passages, { pairs, negatives }, total, seams))
  } finally {
    await writer.close()
    await negatives?.close()
  }
  const copy = join(folder, FILES.passages)
  await copyFile(source.location, copy, constants.COPYFILE_FICLONE)
  await chmod(copy, 0o644)
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
  passages: () => AsyncIterable<Passage>,
  writers: { pairs: PairWriter; negatives: JsonlWriter | undefined },
  total: number,
  seams: GenerateSeams,
): Promise<StageSummary> {
  const { options, arrays } = given
  const setup = await requestSetup((name) => given.inputs[name], options)
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
  const counts = { passages: 0, pairs: 0, unparsed: 0, refused: 0, failed: 0 }
  const messages: { refused?: string; failed?: string } = {}
  const begun: { passage: Passage; unit: QueryUnit; result: Promise<UnitResult> }[] = []
  const { per_call = 1 } = options
  let cut = 0
  let settled = 0
  let complete = true

  const writeCall = async (passage: Passage, call: number, row: Settled): Promise<void> => {
    switch (row.kind) {
      case 'parsed': {
        const queries = samplesOf(row, call, options)
        counts.unparsed += Math.min(per_call, options.per_passage - call * per_call) - queries.length
        counts.pairs += queries.length
        if (row.cut) cut++
        for (const { sample, query, negatives } of queries) {
          const pair = toPair(passage, sample, query, row.logprob)
          await writers.pairs.write(pair)
          if (writers.negatives) await writeNegatives(writers.negatives, pair, negatives)
        }
        return
      }
      case 'unparsed':
        counts.unparsed++
        return
      case 'refused':
      case 'failed':
        counts[row.kind]++
        messages[row.kind] ??= row.message
        return
      default:
        return unreachable(row)
    }
  }
  const writeFirst = async (): Promise<void> => {
    const { passage, unit, result } = begun.shift()!
    const calls = await result
    if (calls === 'halted') complete = false
    else for (const [i, row] of calls.entries()) await writeCall(passage, unit.first + i, row)
  }
  const begin = async (batch: readonly Passage[]): Promise<void> => {
    const units = batch.flatMap((passage) =>
      [...unitsOf(setup, passage, options)].map((unit) => ({ passage, unit, first: unit.asked.next() })),
    )
    const keys = units.flatMap(({ first }) => (first.done ? [] : [first.value.key]))
    const stored = await context.rows.getMany([...new Set(keys)])
    for (const { passage, unit, first } of units) {
      const result = converse(asker, unit.asked, first, stored)
      const queries = options.show_previous ? options.per_passage : per_call
      void result.then((calls) => {
        if (calls === 'halted') return
        settled = Math.min(total, settled + queries)
        context.progress(settled, total, asker.waitsFor)
      })
      begun.push({ passage, unit, result })
    }
    while (begun.length > window) await writeFirst()
  }

  const telling = setInterval(() => {
    if (asker.waitsFor !== undefined) context.progress(settled, total, asker.waitsFor)
  }, TELL_MS)
  try {
    const perBatch = Math.max(1, Math.floor(BATCH / Math.max(1, callsOf(options))))
    let batch: Passage[] = []
    for await (const passage of passages()) {
      if (asker.halted) {
        complete = false
        break
      }
      counts.passages++
      batch.push(passage)
      if (batch.length < perBatch) continue
      await begin(batch)
      batch = []
    }
    await begin(batch)
    while (begun.length > 0) await writeFirst()
    await asker.finish(complete)
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
    throw new StageError(`${counts.failed} of ${settled} requests failed: ${messages.failed}`, {
      advice: 'Every answer so far is kept: run again to ask for the rest, or set `allow_failed`.',
      transient: true,
    })
  }
  const warnings = [...ofTasks, ...warningsOf(counts, messages), ...cutWarning(cut, options)]
  return {
    counts: { ...counts, ...(writers.negatives ? { negatives: writers.negatives.rows } : {}) },
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(counts.failed > 0 ? { incomplete: counts.failed } : {}),
  }
}

async function writeNegatives(writer: JsonlWriter, pair: Pair, texts: readonly string[]): Promise<void> {
  const { _id: pair_id, passage_id } = pair
  for (const [i, text] of texts.entries())
    await writer.write({ _id: `${pair_id}-n${i}`, pair_id, passage_id, text } satisfies Negative)
}

/** What became of a unit's calls; never a rejection, so that units can be awaited in order. */
type UnitResult = readonly Settled[] | 'halted'

async function converse(
  asker: RowAsker,
  asked: QueryUnit['asked'],
  first: IteratorResult<RowRequest, readonly Settled[]>,
  stored: ReadonlyMap<RowKey, CanonicalValue>,
): Promise<UnitResult> {
  for (let next = first; ; ) {
    if (next.done) return next.value
    const answer = await asker.answer(next.value, stored.get(next.value.key))
    if (answer.kind === 'halted') return 'halted'
    next = asked.next(answer)
  }
}

function cutWarning(cut: number, { decoding }: GenerateOptions): string[] {
  if (cut === 0) return []
  return [`${cut} answers ended at max_tokens (${decoding.max_tokens}), most likely in the middle of a query`]
}

function warningsOf(
  counts: { unparsed: number; refused: number; failed: number },
  messages: { refused?: string; failed?: string },
): string[] {
  return [
    ...(counts.refused > 0 ? [`${counts.refused} requests were refused for good: ${messages.refused}`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} requests failed and will be asked again: ${messages.failed}`] : []),
    ...(counts.unparsed > 0 ? [`${counts.unparsed} answers held no query`] : []),
  ]
}

async function countLines(location: string): Promise<number> {
  let lines = 0
  for await (const chunk of createReadStream(location, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++
  return lines
}
