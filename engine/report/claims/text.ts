import { intervalText, signed } from '../../util/figures.ts'
import { claimedText, differenceText } from '../../util/tables/claim-cells.ts'
import type { AnalysedClaim, Verdict } from '../analysis.ts'
import type { Paint } from '../colour.ts'
import { oneLine } from '../words.ts'
import { type JoinedFinding, splitText } from './joined.ts'

const STYLES = { holds: 'green', 'does not hold': 'red', undetermined: 'yellow' } as const

/** Findings, each with its tests below it. */
export function findingsText(findings: readonly JoinedFinding[], paint: Paint): string {
  return findings
    .map((finding) => {
      const split = splitText(finding)
      const head = `${verdictText(finding.verdict, paint)}  ${paint('bold', oneLine(finding.finding))}${split === undefined ? '' : ` (${split})`}`
      const tests = finding.evidence.map((one) => indented(claimText(one, paint, one.on)))
      return [head, ...(tests.length > 0 ? tests : ['  not tested'])].join('\n')
    })
    .join('\n\n')
}

/** A claim on one collection: what became of it, and of each of its differences. */
export function claimText({ claim, verdict, differences }: AnalysedClaim, paint: Paint, on?: string): string {
  const lines = differences.map((one) => {
    const { difference, why } = one
    const is = difference ? `${signed(difference.mean)} (${intervalText(difference)}), ` : ''
    const reason = why === undefined ? '' : `; ${oneLine(why)}`
    return `  ${oneLine(differenceText(one))}: ${is}claimed ${claimedText(one)}${reason}`
  })
  const where = on === undefined ? '' : ` (${oneLine(on)})`
  return [`${verdictText(verdict, paint)}  ${oneLine(claim)}${where}`, ...lines].join('\n')
}

function verdictText(verdict: Verdict, paint: Paint): string {
  return paint(STYLES[verdict], verdict)
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ')
}
