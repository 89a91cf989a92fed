import { compareUtf8 } from '../../cache/canonical.ts'
import { compareHits, type Hit } from './top-k.ts'

/** Whose rules a measurement follows, where programs differ. */
export interface Profile {
  /** A passage with the id of the query: left out everywhere, or where the collection needs it. */
  self: 'dropped' | 'by-task'
  /** A judged query that the run doesn't have: counts as 0, or is left out of the mean. */
  missing: 'zero' | 'skipped'
  /** Bits in which trec_eval compares scores; ties go by docid bytes descending. */
  float: 32 | 64
  /** How the tool's own code, which is not trec_eval's, computes `mrr` and the measures named in `own`. */
  custom: {
    own: readonly ('mrr' | 'r_cap' | 'hit')[]
    missing: 'zero' | 'skipped'
    /** Scores are compared as doubles; ties by docid bytes descending, or as they stand in the run. */
    ties: 'docid' | 'input'
    /** Digits to which means are rounded, half to even. */
    digits?: number
  }
  /** Digits to which means of trec_eval's measures are rounded. */
  digits?: number
}

/**
 * The profiles by name: trec_eval 9 and 10 with `-c`; `EvaluateRetrieval` of BEIR 2.2; MTEB 2.26. trec_eval prints four
 * digits of its means, which are kept whole here.
 */
export const PROFILES: {
  readonly trec9: Profile
  readonly trec10: Profile
  readonly beir: Profile
  readonly mteb: Profile
} = {
  trec9: { self: 'by-task', missing: 'zero', float: 32, custom: { own: [], missing: 'zero', ties: 'docid' } },
  trec10: { self: 'by-task', missing: 'zero', float: 64, custom: { own: [], missing: 'zero', ties: 'docid' } },
  beir: {
    self: 'dropped',
    missing: 'skipped',
    float: 32,
    custom: { own: ['mrr', 'r_cap', 'hit'], missing: 'zero', ties: 'input', digits: 5 },
    digits: 5,
  },
  mteb: {
    self: 'by-task',
    missing: 'skipped',
    float: 32,
    custom: { own: ['mrr', 'r_cap'], missing: 'skipped', ties: 'docid' },
    digits: 5,
  },
}

/** Name of a profile. */
export type ProfileName = keyof typeof PROFILES

/** A ranking as trec_eval sees it under a profile. */
export function trecOrder(hits: readonly Hit[], { float }: Pick<Profile, 'float'>): Hit[] {
  return [...hits].sort(float === 32 ? compareHits : compareDoubles)
}

/** A ranking as the tool's own code sees it. */
export function customOrder(hits: readonly Hit[], { ties }: Pick<Profile['custom'], 'ties'>): Hit[] {
  return [...hits].sort(ties === 'docid' ? compareDoubles : (a, b) => b.score - a.score)
}

function compareDoubles(a: Hit, b: Hit): number {
  return b.score - a.score || compareUtf8(b.id, a.id)
}
