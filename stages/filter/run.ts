import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { loadXxh } from '../../cache/xxh.ts'
import { openBytes } from '../data/bytes.ts'
import { Column } from '../data/column.ts'
import { IdTable } from '../data/id-table.ts'
import { jsonBatches, writeJsonl } from '../data/jsonl.ts'
import { PassageLookup } from '../data/passage-lookup.ts'
import { round6 } from '../data/quantiles.ts'
import { FILES, fileOf, type Pair, type Passage } from '../data/rows.ts'
import { type Json, type StageContext, StageError, type StageInput, type StageSummary } from '../define.ts'
import { writeCompanions } from './companions.ts'
import { makeStep } from './make-step.ts'
import type { FilterOptions } from './options.ts'
import { LexicalOverlap } from './overlap.ts'
import { type Decided, Passes } from './passes.ts'
import type { Step } from './steps/step.ts'
import { type RealisedThreshold, writeThresholds } from './thresholds.ts'

const BATCH = 256
const AUGMENTED = 1
const SURVIVING = 2

/** Runs every pair through the steps and writes it to `pairs`, or with its first reason to `rejected`. */
export async function run(context: StageContext<FilterOptions>): Promise<StageSummary> {
  const { options, inputs, outputs } = context
  const input = inputs.pairs
  await loadXxh()
  const steps: Step[] = []
  try {
    for (const [i, step] of options.steps.entries()) steps.push(await makeStep(step, i, context))
    const passes = new Passes(steps, options.keep_scores ?? false)
    const report = new Report(options.steps.some((step) => 'round_trip' in step))
    const kept = await writeJsonl(path.join(outputs.pairs as string, FILES.pairs))
    const rejected = await writeJsonl(path.join(outputs.rejected as string, FILES.rejected))
    try {
      for await (const batch of passes.run(() => readPairs(input, context))) {
        const rows: { kept: object[]; rejected: object[] } = { kept: [], rejected: [] }
        for (const decided of batch) {
          report.add(decided)
          rows[decided.reason ? 'rejected' : 'kept'].push(rowOf(decided))
        }
        await kept.writeAll(rows.kept)
        await rejected.writeAll(rows.rejected)
      }
    } finally {
      await kept.close()
      await rejected.close()
    }
    await writeCompanions(input, outputs.pairs as string, report.added)
    await writeCompanions(input, outputs.rejected as string, [])
    const thresholds = realised(steps)
    if (thresholds.length > 0) await writeThresholds(outputs.pairs as string, thresholds)
    return report.summary(steps, passes)
  } finally {
    for (const step of steps) await step.close?.()
  }
}

/** A pair with the passage that it has now, its scores where they are kept, and why it was dropped. */
function rowOf({ candidate: { pair, passage }, reason, scores }: Decided): object {
  const moved = pair.passage_id === passage._id ? pair : { ...pair, passage_id: passage._id }
  const row = scores ? { ...moved, scores } : moved
  if (!reason) return row
  const { step, score, detail } = reason
  return { ...row, reason: step, score, ...(detail === undefined ? {} : { detail }) }
}

/** Pairs with their passages, from the first; rows without a passage are a StageError. */
async function* readPairs(
  input: StageInput | undefined,
  { signal, progress }: StageContext<FilterOptions>,
): AsyncGenerator<{ pair: Pair; passage: Passage }[]> {
  const passages = new PassageLookup(input)
  let done = 0
  let batch: { pair: Pair; passage: Passage }[] = []
  try {
    const pairs = jsonBatches(openBytes(fileOf(input, FILES.pairs).location, FILES.pairs), FILES.pairs)
    for await (const { rows, lines } of pairs) {
      for (const [i, row] of rows.entries()) {
        const pair = row as Pair
        const passage = passages.here(pair.passage_id) ?? (await passages.get(pair.passage_id))
        if (!passage)
          throw new StageError(`the pair names a passage that is not with it: ${JSON.stringify(pair.passage_id)}`, {
            where: `${FILES.pairs}:${lines[i]}`,
          })
        batch.push({ pair, passage })
        if (batch.length < BATCH) continue
        done += batch.length
        yield batch
        batch = []
        progress(done)
        await setImmediate()
        signal.throwIfAborted()
      }
    }
    yield batch
  } finally {
    await passages.close()
  }
}

function realised(steps: readonly Step[]): RealisedThreshold[] {
  return steps.flatMap(({ name, threshold }) => {
    const value = threshold?.()
    return value === undefined ? [] : [{ step: name, threshold: Number.isFinite(value) ? value : null }]
  })
}

/** What is counted over all rows: 48 bytes a passage. */
class Report {
  /** Passages of kept pairs that were not theirs at first, in the order of their first use. */
  readonly added: Passage[] = []
  readonly #passages = new IdTable()
  /** By number of the passage: 1 has a pair, 2 a kept one, 3 both. */
  readonly #seen = Column.bytes()
  readonly #known = new IdTable()
  readonly #overlap: LexicalOverlap | undefined
  /** Pairs of a passage stand side by side. */
  #last: string | undefined
  #number = 0
  #kept = 0
  #rejected = 0
  #relabelled = 0

  constructor(overlap: boolean) {
    this.#overlap = overlap ? new LexicalOverlap() : undefined
  }

  add(decided: Decided): void {
    const { candidate, reason } = decided
    const { passage, pair } = candidate
    const stays = passage._id === pair.passage_id
    this.#see(pair.passage_id, AUGMENTED | (reason || !stays ? 0 : SURVIVING))
    this.#overlap?.add(candidate, reason === undefined)
    if (reason) {
      this.#rejected++
      return
    }
    this.#kept++
    if (stays) return
    this.#see(passage._id, SURVIVING)
    this.#relabelled++
    if (this.#known.add(passage._id, 0) === undefined) this.added.push(passage)
  }

  #see(passage: string, flags: number): void {
    if (this.#last !== passage) {
      const next = this.#passages.size
      this.#number = this.#passages.add(passage, next) ?? next
      this.#last = passage
    }
    this.#seen.set(this.#number, this.#seen.get(this.#number) | flags)
  }

  summary(steps: readonly Step[], passes: Passes): StageSummary {
    const seen = this.#seen.values()
    const survivors = seen.reduce((sum, flags) => sum + (flags & SURVIVING ? 1 : 0), 0)
    const details: Json = {
      steps: steps.map((step, i) => {
        const { kept, dropped } = passes.tallies[i] as Passes['tallies'][number]
        const threshold = step.threshold?.()
        return {
          step: step.name,
          kept,
          dropped,
          score: passes.tallies[i]?.scores() ?? null,
          ...(threshold === undefined ? {} : { threshold: Number.isFinite(threshold) ? threshold : null }),
          ...step.facts?.(),
        }
      }),
      effective_density: survivors === 0 ? 0 : round6(this.#kept / survivors),
      ...(this.#overlap ? { lexical_overlap: this.#overlap.summary() } : {}),
    }
    const incomplete = steps.reduce((sum, step) => sum + (step.incomplete?.() ?? 0), 0)
    const warnings = [
      ...steps.flatMap((step) => step.warnings?.() ?? []),
      ...(this.#kept === 0 && this.#rejected > 0 ? ['no pair was kept'] : []),
      ...(incomplete > 0 ? [`${incomplete} pairs could not be judged, and will be asked about again`] : []),
    ]
    return {
      counts: {
        pairs: this.#kept + this.#rejected,
        kept: this.#kept,
        rejected: this.#rejected,
        passages_augmented: seen.reduce((sum, flags) => sum + (flags & AUGMENTED ? 1 : 0), 0),
        passages_surviving: survivors,
        ...(this.#relabelled === 0 ? {} : { relabelled: this.#relabelled }),
      },
      ...(warnings.length > 0 ? { warnings } : {}),
      ...(incomplete > 0 ? { incomplete } : {}),
      details,
    }
  }
}
