import type { AnalysedClaim, AnalysedCollection, Verdict } from '../analysis.ts'

/** What one analysis says, and how it is called beside others. */
export interface ClaimSource {
  /** Given by people; undefined where its collections say enough. */
  label?: string
  collections: readonly Pick<AnalysedCollection, 'collection' | 'claims'>[]
}

/** One test of a finding. */
export interface Evidence extends Omit<AnalysedClaim, 'finding'> {
  /** What it was tested on. */
  on: string
}

/** A finding and all that tests it. */
export interface JoinedFinding {
  finding: string
  verdict: Verdict
  evidence: readonly Evidence[]
}

/**
 * Claims of several analyses, by the finding that they test, in the order in which findings are first named. A finding
 * is claimed of everything that it was tested on: it holds where each test does, and does not where one does not.
 */
export function joinedFindings(named: readonly string[], sources: readonly ClaimSource[]): JoinedFinding[] {
  const found = new Map<string, Evidence[]>(named.map((finding) => [finding, []]))
  for (const { label, collections } of sources)
    for (const { collection, claims = [] } of collections)
      for (const { finding, ...claim } of claims) {
        if (finding === undefined) continue
        const evidence = found.get(finding) ?? []
        found.set(finding, evidence)
        evidence.push({ ...claim, on: placeOf(collection, label, collections.length) })
      }
  return [...found].map(([finding, evidence]) => ({ finding, verdict: together(evidence), evidence }))
}

/** How many tests came out how, where they don't agree. */
export function splitText({ evidence }: JoinedFinding): string | undefined {
  const counts = (['holds', 'does not hold', 'undetermined'] as const)
    .map((verdict) => [evidence.filter((one) => one.verdict === verdict).length, verdict] as const)
    .filter(([count]) => count > 0)
  return counts.length < 2 ? undefined : counts.map(([count, verdict]) => `${count} ${verdict}`).join(', ')
}

function together(evidence: readonly Evidence[]): Verdict {
  if (evidence.some(({ verdict }) => verdict === 'does not hold')) return 'does not hold'
  return evidence.length > 0 && evidence.every(({ verdict }) => verdict === 'holds') ? 'holds' : 'undetermined'
}

function placeOf(collection: string, label: string | undefined, collections: number): string {
  if (label === undefined) return collection
  return collections === 1 ? label : `${label}, ${collection}`
}
