import type { ActionRecord } from '../../../cache/action-log.ts'
import type { CanonicalValue } from '../../../cache/canonical.ts'
import type { Store } from '../../../cache/store.ts'
import { rowKeysOf, tokensOf } from '../result-rows.ts'
import { around, type Interval, meanOf } from './interval.ts'

/** What the stored rows of a result say of one request. */
export interface MeasuredRows {
  /** Distinct rows of the result. */
  rows: number
  input_tokens?: Interval | undefined
  output_tokens?: Interval | undefined
  /** In the store. */
  bytes?: Interval | undefined
  /** Seconds between answers while the model was at work, by the times at which they came. */
  seconds?: Interval | undefined
}

const MOST_ROWS = 5_000
/** Answers that stand this much longer apart than usual are of different runs. */
const PAUSE_MS = 30_000
/** Times at which answers came are looked at in so many blocks: neighbours are not independent, blocks nearly are. */
const BLOCKS = 10
const FEWEST_OF_BLOCK = 3

/** Measures the rows that a result was made from: up to 5,000 of them, which is a random choice, as keys are. */
export async function measureRows(store: Pick<Store, 'blobs' | 'rows'>, record: ActionRecord): Promise<MeasuredRows> {
  if (!record.rows) return { rows: 0 }
  const keys = await rowKeysOf(store, record)
  const stored = [...(await store.rows.getMany(keys.slice(0, MOST_ROWS))).values()]
  const usages = stored.map(tokensOf).filter((usage) => usage !== undefined)
  const share = stored.length / record.rows.count
  return {
    rows: record.rows.count,
    input_tokens: meanOf(usages.map(({ input }) => input)),
    output_tokens: meanOf(usages.map(({ output }) => output)),
    bytes: meanOf(stored.map((row) => JSON.stringify(row).length)),
    seconds: pace(stored.map(timeOf).filter(Number.isFinite), share),
  }
}

/** Seconds between answers that came at these times (milliseconds), of which only a share was looked at. */
export function pace(times: readonly number[], share: number): Interval | undefined {
  const sorted = [...times].sort((a, b) => a - b)
  const gaps = sorted.slice(1).map((time, i) => time - sorted[i]!)
  const middle = [...gaps].sort((a, b) => a - b)[gaps.length >> 1] ?? 0
  const usual = gaps.filter((gap) => gap <= Math.max(PAUSE_MS, 20 * middle))
  if (usual.length === 0) return undefined
  const size = Math.max(FEWEST_OF_BLOCK, Math.ceil(usual.length / BLOCKS))
  const blocks: number[] = []
  for (let at = 0; at + size <= usual.length; at += size)
    blocks.push(usual.slice(at, at + size).reduce((sum, gap) => sum + gap, 0) / size)
  const mean = usual.reduce((sum, gap) => sum + gap, 0) / usual.length
  const spread = meanOf(blocks) ?? { value: mean, low: null, high: null, observations: 0 }
  return { ...around((mean / 1000) * share, spread), observations: times.length }
}

function timeOf(row: CanonicalValue): number {
  return Date.parse(String((row as { provenance?: { at?: unknown } }).provenance?.at))
}
