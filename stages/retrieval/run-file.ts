import { open } from 'node:fs/promises'
import { compareUtf8 } from '../../cache/canonical.ts'
import { readLines } from '../data/lines.ts'
import { StageError } from '../define.ts'
import type { Run } from './metrics.ts'
import type { Hit } from './top-k.ts'

/** Steps between scores are never smaller than this: programs that flush subnormal numbers to 0 must see one order. */
const TINY = 2 ** -100

/**
 * A ranking whose scores strictly decrease as float32, so that every evaluator sees the same order whatever its rule
 * for ties: each score lowered to the next float32 below its predecessor's where it must be. The order is kept.
 */
export function strictlyDecreasing(ranked: readonly Hit[]): Hit[] {
  let ceiling = Number.POSITIVE_INFINITY
  return ranked.map(({ id, score }) => {
    // A negative zero would be written without its sign.
    const lowered = Math.min(Math.fround(score), ceiling) + 0
    ceiling = below(lowered)
    return { id, score: lowered }
  })
}

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

function below(value: number): number {
  if (Math.abs(value) < TINY) return -TINY
  float[0] = value
  bits[0]! += value > 0 ? -1 : 1
  return float[0]
}

/**
 * Writes a run in TREC's six columns (`query Q0 passage rank score tag`), queries by id bytes. Rankings must come from
 * `strictlyDecreasing`; nine digits give back each float32. An id with whitespace is a StageError.
 */
export async function writeRun(location: string, run: Run, tag: string): Promise<void> {
  const file = await open(location, 'wx')
  try {
    for (const query of [...run.keys()].sort(compareUtf8)) {
      checkId(query, 'query')
      let lines = ''
      for (const [i, { id, score }] of run.get(query)!.entries()) {
        checkId(id, 'passage')
        lines += `${query} Q0 ${id} ${i + 1} ${score.toPrecision(9)} ${tag}\n`
      }
      if (lines !== '') await file.writeFile(lines)
    }
  } finally {
    await file.close()
  }
}

function checkId(id: string, what: string): void {
  if (id === '' || /\s/.test(id))
    throw new StageError(`${what} id ${JSON.stringify(id)} has whitespace, which a run file can't hold`, {
      advice: 'Give the collection ids without spaces or tabs.',
    })
}

/**
 * Reads a run in TREC's six columns, `.gz` by suffix of `shown`, the path for errors. As in trec_eval the rank column is not read; results
 * stand in the order of their lines. Bad lines and a passage that stands twice for a query are a StageError with `file:line`.
 */
export async function readRun(location: string, shown: string = location): Promise<Map<string, Hit[]>> {
  const run = new Map<string, Hit[]>()
  const seen = new Map<string, Map<string, number>>()
  for await (const { text, number } of readLines(location, shown)) {
    const line = text.trim()
    if (line === '') continue
    const where = `${shown}:${number}`
    const fields = line.split(/[ \t\v\f]+/)
    const [query, , passage, , written] = fields
    if (fields.length !== 6 || query === undefined || passage === undefined || written === undefined)
      throw new StageError(`${fields.length} columns where 6 were expected`, {
        where,
        advice: 'A run has lines such as `query Q0 passage rank score tag`.',
      })
    const score = Number(written) + 0
    if (!Number.isFinite(Math.fround(score)))
      throw new StageError(`the score must be a finite number, not ${JSON.stringify(written)}`, { where })
    let hits = run.get(query)
    let lines = seen.get(query)
    if (!hits || !lines) {
      hits = []
      lines = new Map()
      run.set(query, hits)
      seen.set(query, lines)
    }
    const first = lines.get(passage)
    if (first !== undefined)
      throw new StageError(
        `passage ${JSON.stringify(passage)} stands twice for query ${JSON.stringify(query)}, first on line ${first}`,
        { where },
      )
    lines.set(passage, number)
    hits.push({ id: passage, score })
  }
  if (run.size === 0) throw new StageError('the run is empty', { where: shown })
  return run
}
