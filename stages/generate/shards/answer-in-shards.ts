import type { Passage } from '../../data/rows.ts'
import type { ModelEndpoint, ModelLeases, RowAnswer, RowRequest, ServiceContext, TaskArrays } from '../../define.ts'
import type { BulkTransport } from '../../models/bulk.ts'
import type { GenerateOptions } from '../options.ts'
import { callsOf, requestsOf, unitsOf } from '../query-units.ts'
import type { RequestSetup } from '../requests.ts'
import { rowAnswer } from '../row-answer.ts'
import type { ShardRecord } from './shard-folder.ts'
import { type ShardedOptions, ShardedRows } from './sharded-rows.ts'

/** Rows looked up in the store at once. */
const BATCH = 256
const TELL_MS = 1_000

/** Seams for tests. */
export type ShardSeams = Pick<ShardedOptions, 'clock' | 'paces' | 'limits'>

/**
 * Has all requests of a node answered by tasks of an array, follow-ups too, and gives what then takes the place of the
 * node's models: rows are in the store, and what no task could answer has failed with its reason.
 */
export async function answerInShards(
  context: ServiceContext<GenerateOptions>,
  arrays: TaskArrays,
  setup: RequestSetup,
  passages: () => AsyncIterable<Passage>,
  total: number,
  seams: ShardSeams = {},
): Promise<Pick<ServiceContext<GenerateOptions>, 'models' | 'count'> & { warnings: readonly string[] }> {
  const { options, rows, count, drain, signal, node } = context
  const llm = context.inputs.model as ShardRecord['llm']
  const { concurrency, retries, request_timeout } = options
  const warnings: string[] = []
  let stored = 0
  const tell = (): void => {
    const done = Math.min(total, (stored + sharded.made) * (options.per_call ?? 1))
    context.progress(done, total, sharded.note)
  }
  const sharded: ShardedRows = new ShardedRows({
    arrays,
    services: { rows, count, drain, signal },
    llm,
    settings: { concurrency, retries, request_timeout },
    title: node,
    onChange: tell,
    warn: (note) => warnings.push(note),
    ...seams,
  })
  const telling = setInterval(tell, TELL_MS)
  try {
    const hasFollowUps = requestsOf(setup, options).most > 1
    for (let isFirst = true; ; isFirst = false) {
      const missing = missingRequests(context, setup, passages(), (rows) => {
        if (isFirst) stored += rows
      })
      const { cut, elsewhere } = await sharded.round(missing)
      if (elsewhere === 0 && (cut === 0 || !hasFollowUps)) break
    }
  } finally {
    clearInterval(telling)
    await sharded.close()
  }
  return { models: answeredBy(sharded), count: countingOnce(count, sharded.made), warnings: summed(warnings) }
}

/** The first request of each unit that has no stored answer, in the batches that they were looked up in. */
async function* missingRequests(
  { rows, options }: ServiceContext<GenerateOptions>,
  setup: RequestSetup,
  passages: AsyncIterable<Passage>,
  onStored: (rows: number) => void,
): AsyncGenerator<readonly RowRequest[]> {
  const perBatch = Math.max(1, Math.floor(BATCH / Math.max(1, callsOf(options))))
  let batch: Passage[] = []
  const flush = async function* (): AsyncGenerator<readonly RowRequest[]> {
    let open = batch.flatMap((passage) =>
      [...unitsOf(setup, passage, options)].map(({ asked }) => begun(asked, asked.next())),
    )
    batch = []
    while (open.length > 0) {
      const stored = await rows.getMany(open.map(({ request }) => request.key))
      const next: typeof open = []
      const missing: RowRequest[] = []
      for (const { asked, request } of open) {
        const row = stored.get(request.key)
        if (row === undefined) missing.push(request)
        else next.push(begun(asked, asked.next(rowAnswer(row))))
      }
      onStored(stored.size)
      yield missing
      open = next.filter(({ isOver }) => !isOver)
    }
  }
  for await (const passage of passages) {
    batch.push(passage)
    if (batch.length === perBatch) yield* flush()
  }
  yield* flush()
}

type Asked = Generator<RowRequest, unknown, RowAnswer>

function begun(
  asked: Asked,
  next: IteratorResult<RowRequest, unknown>,
): { asked: Asked; request: RowRequest; isOver: boolean } {
  return { asked, request: next.value as RowRequest, isOver: next.done === true }
}

function answeredBy(sharded: ShardedRows): ModelLeases {
  const bulk: BulkTransport = {
    note: undefined,
    ask: async ({ key }) => ({ kind: 'unanswered', message: sharded.failureOf(key) ?? 'no task has answered it' }),
    finish: async () => {},
  }
  const endpoint: ModelEndpoint = {
    baseUrl: '',
    apiKey: '',
    model: '',
    bulk,
    provenance: {},
    recovered: async () => {},
  }
  return { use: (_, fn) => fn(endpoint) }
}

/** Rows that tasks made are in the store by the time that pairs are written, and are no savings. */
function countingOnce(count: ServiceContext<never>['count'], made: number): ServiceContext<never>['count'] {
  let left = made
  return (requests, charge) => {
    const { cached = 0 } = requests
    const known = Math.min(left, cached)
    left -= known
    // Stored rows are counted by themselves, one or many at once.
    if (known === 0) count(requests, charge)
    else if (known < cached) count({ cached: cached - known }, charge && { ...charge, cached: cached - known })
  }
}

function summed(notes: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const note of notes) counts.set(note, (counts.get(note) ?? 0) + 1)
  return [...counts].map(([note, times]) => (times === 1 ? note : `${note} (${times} times)`))
}
