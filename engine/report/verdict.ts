import { intervalText, pText, signed } from '../util/figures.ts'
import { argmax, type Contest, contestOf, type Measured } from './contest.ts'
import type { Comparison } from './systems.ts'
import { counted } from './words.ts'

const ALPHA = 0.05

/** What may be concluded from a comparison, and the numbers behind it. */
export interface Verdict {
  kind: 'better' | 'baseline' | 'undecided' | 'no-baseline' | 'alone'
  metric: string
  /** Queries that the conclusion rests on. */
  queries: number
  best: string
  baseline?: string
  /** Mean of the best other system minus that of the baseline, with its interval and two-sided p. */
  difference?: number
  interval?: { low: number; high: number }
  p?: number
  text: string
}

/**
 * The honest sentence under a table: which system is best by the mean of the first metric, and whether it beats the
 * baseline. Only queries that are clean for every system count, both queries and replicates are taken as samples, and p is
 * adjusted for all systems that stood a chance of being the best. `baseline` is a stage; by default the one that
 * retrieves with BM25.
 */
export function verdictOf(
  comparison: Comparison,
  baseline?: string,
  contest: Contest | undefined = contestOf(comparison, baseline),
): Verdict | undefined {
  if (!contest) return undefined
  const { metric, queries: ids, measured, baseline: base, others, tests } = contest
  const best = argmax(measured)
  const where = ` on ${comparison.clean ? `the ${counted(ids.length, 'clean query', 'clean queries')}` : counted(ids.length, 'query', 'queries')} of ${comparison.dataset}`
  const facts = { metric, queries: ids.length, best: best.system.label }
  const leader = `${best.system.label} has the highest mean ${metric} (${best.mean.toFixed(4)})${where}`
  if (measured.length === 1 && contest.unmeasured === undefined)
    return { ...facts, kind: 'alone', text: `There is nothing to compare ${best.system.label} with.` }
  if (!base) {
    return {
      ...facts,
      kind: 'no-baseline',
      text:
        contest.unmeasured === undefined
          ? `${leader}; there is no baseline to test it against (report.baseline).`
          : `${leader}; the baseline, ${contest.unmeasured}, was not measured in it.`,
    }
  }
  if (others.length === 0)
    return { ...facts, kind: 'alone', text: `There is nothing to compare ${base.system.label} with.` }
  const rival = argmax(others)
  const difference = rival.mean - base.mean
  const { p, interval } = tests[others.indexOf(rival)]!
  const all = { ...facts, baseline: base.system.label, difference, interval, p }
  const figures = `${signed(difference)} ${metric}, 95 % interval ${intervalText(interval)}, ${sayP(p)}`
  const few = others.length > 1 ? `, p adjusted for ${others.length} systems` : ''
  const basis = `Paired sign-flip test${where}${few}.${seedNote([rival, base])}`
  if (difference <= 0) {
    const lead = `Use ${base.system.label}: no other system has a higher mean ${metric}.`
    return { ...all, kind: 'baseline', text: `${lead} The nearest is ${rival.system.label} (${figures}). ${basis}` }
  }
  if (p >= ALPHA) {
    const lead = `Undecided: ${rival.system.label} is ahead of ${base.system.label}, but no more than chance allows`
    return { ...all, kind: 'undecided', text: `${lead} (${figures}). ${basis}` }
  }
  return { ...all, kind: 'better', text: `${rival.system.label} beats ${base.system.label} (${figures}). ${basis}` }
}

// BM25 has no seed: it would be the same a second time.
function seedNote(compared: readonly Measured[]): string {
  const single = compared.filter(({ system }) => system.replicates.length === 1 && system.retriever !== 'bm25')
  if (single.length === 0) return ''
  const names = single.map(({ system }) => system.label).join(' and ')
  return ` ${names} had one training seed: this holds for these checkpoints only.`
}

/** `p = 0.120`, `p < 0.001`. */
function sayP(p: number): string {
  const text = pText(p)
  return text.startsWith('<') ? `p ${text}` : `p = ${text}`
}
