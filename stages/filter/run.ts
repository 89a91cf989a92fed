import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { unreachable } from '../../engine/util/unreachable.ts'
import { corpusOf } from '../data/inputs.ts'
import { readJsonl, writeJsonl } from '../data/jsonl.ts'
import { copyCompanions, readPassages } from '../data/pairs.ts'
import { quantiles, round6 } from '../data/quantiles.ts'
import { FILES, fileOf, type Pair, type Passage, passageText } from '../data/rows.ts'
import { type Json, type StageContext, StageError, type StageSummary } from '../define.ts'
import { words } from '../text/normalise.ts'
import type { FilterOptions, FilterStep } from './stage.ts'
import { copiedStep } from './steps/copied.ts'
import { duplicateStep } from './steps/duplicate.ts'
import { lengthStep } from './steps/length.ts'
import { roundTripStep } from './steps/round-trip.ts'
import type { Step } from './steps/step.ts'

const BREATH = 256

/** Runs every pair through the steps and writes it to `pairs`, or with its first reason to `rejected`. */
export async function run(context: StageContext<FilterOptions>): Promise<StageSummary> {
  const { options, inputs, outputs, signal } = context
  const input = inputs.pairs
  const steps: Step[] = []
  for (const step of options.steps) {
    steps.push(
      await makeStep(step, context, (read) => {
        if (read % BREATH === 0) signal.throwIfAborted()
      }),
    )
  }
  const passages = await readPassages(input)
  const seen = steps.map(() => ({ kept: 0, dropped: 0, scores: [] as number[] }))
  const augmented = new Set<string>()
  const surviving = new Set<string>()
  const overlap = { before: new Mean(), after: new Mean() }
  const kept = await writeJsonl(path.join(outputs.pairs as string, FILES.pairs))
  const rejected = await writeJsonl(path.join(outputs.rejected as string, FILES.rejected))
  try {
    let done = 0
    for await (const { row: pair, line } of readJsonl<Pair>(fileOf(input, FILES.pairs).location, FILES.pairs)) {
      const passage = passages.get(pair.passage_id)
      if (!passage)
        throw new StageError(`the pair names a passage that is not with it: ${JSON.stringify(pair.passage_id)}`, {
          where: `${FILES.pairs}:${line}`,
        })
      augmented.add(passage._id)
      const shared = lexicalOverlap(pair, passage)
      overlap.before.add(shared)
      const reason = judge(steps, seen, pair, passage)
      if (reason) await rejected.write({ ...pair, reason: reason.name, score: reason.score })
      else {
        await kept.write(pair)
        surviving.add(passage._id)
        overlap.after.add(shared)
      }
      if (++done % BREATH === 0) {
        context.progress(done)
        await setImmediate()
        signal.throwIfAborted()
      }
    }
  } finally {
    await kept.close()
    await rejected.close()
  }
  for (const output of ['pairs', 'rejected']) await copyCompanions(input, outputs[output] as string)
  const details: Json = {
    steps: steps.map((step, i) => {
      const { kept, dropped, scores } = seen[i] as (typeof seen)[number]
      return { step: step.name, kept, dropped, score: quantiles(scores), ...step.facts?.() }
    }),
    effective_density: surviving.size === 0 ? 0 : round6(kept.rows / surviving.size),
    lexical_overlap: { before: overlap.before.value(), after: overlap.after.value() },
  }
  return {
    counts: {
      pairs: kept.rows + rejected.rows,
      kept: kept.rows,
      rejected: rejected.rows,
      passages_augmented: augmented.size,
      passages_surviving: surviving.size,
    },
    ...(kept.rows === 0 && rejected.rows > 0 ? { warnings: ['no pair was kept'] } : {}),
    details,
  }
}

function judge(
  steps: readonly Step[],
  seen: readonly { kept: number; dropped: number; scores: number[] }[],
  pair: Pair,
  passage: Passage,
): { name: string; score: number | null } | undefined {
  for (const [i, step] of steps.entries()) {
    const { keep, score } = step.judge(pair, passage)
    const tally = seen[i] as (typeof seen)[number]
    if (score !== null) tally.scores.push(score)
    if (!keep) {
      tally.dropped++
      return { name: step.name, score: score === null ? null : round6(score) }
    }
    tally.kept++
  }
  return undefined
}

async function makeStep(
  step: FilterStep,
  context: StageContext<FilterOptions>,
  onRead: (passages: number) => void,
): Promise<Step> {
  if ('length' in step) return lengthStep(step.length)
  if ('copied' in step) return copiedStep(step.copied)
  if ('duplicate' in step) return duplicateStep(step.duplicate)
  if ('round_trip' in step) return roundTripStep(step.round_trip, corpusOf(context.inputs.corpus), onRead)
  return unreachable(step)
}

/** Share of a query's distinct words that its passage has. */
function lexicalOverlap(pair: Pair, passage: Passage): number {
  const asked = new Set(words(pair.query))
  if (asked.size === 0) return 0
  const there = new Set(words(passageText(passage)))
  let shared = 0
  for (const word of asked) if (there.has(word)) shared++
  return shared / asked.size
}

class Mean {
  #sum = 0
  #n = 0

  add(value: number): void {
    this.#sum += value
    this.#n++
  }

  value(): number | null {
    return this.#n === 0 ? null : round6(this.#sum / this.#n)
  }
}
