import { intervalText, signed } from '../../util/figures.ts'
import { claimedText, differenceText } from '../../util/tables/claim-cells.ts'
import { csvText } from '../../util/tables/formats.ts'
import type { Table } from '../../util/tables/table.ts'
import { type Evidence, type JoinedFinding, splitText } from './joined.ts'

/** Findings with their tests, a row for each difference; what is said once is not said again below it. */
export function findingsTable(findings: readonly JoinedFinding[]): Table {
  const left = (title: string) => ({ title, align: 'left' }) as const
  const right = (title: string) => ({ title, align: 'right' }) as const
  return {
    title: 'Findings',
    columns: [
      ...[left('finding'), left('verdict'), left('tested on'), left('claim'), left('says'), left('difference of')],
      ...[right('is'), right('95 % interval'), left('claimed')],
    ],
    rows: findings.flatMap((finding) => {
      const split = splitText(finding)
      const head = [finding.finding, split === undefined ? finding.verdict : `${finding.verdict} (${split})`]
      const rows = finding.evidence.flatMap(evidenceRows)
      return (rows.length > 0 ? rows : [UNTESTED]).map((row, i) => [...(i === 0 ? head : ['', '']), ...row])
    }),
    notes: reasons(findings),
  }
}

const UNTESTED = ['not tested', '', '', '', '', '', '']

function evidenceRows({ on, claim, verdict, differences }: Evidence): string[][] {
  return differences.map((one, i) => [
    ...(i === 0 ? [on, claim, verdict] : ['', '', '']),
    differenceText(one),
    one.difference ? signed(one.difference.mean) : '',
    one.difference ? intervalText(one.difference) : '',
    claimedText(one),
  ])
}

function reasons(findings: readonly JoinedFinding[]): string[] {
  const all = findings.flatMap(({ evidence }) =>
    evidence.flatMap(({ on, claim, differences }) =>
      differences.flatMap(({ why }) => (why === undefined ? [] : [`“${claim}” is undetermined on ${on}: ${why}.`])),
    ),
  )
  return [...new Set(all)]
}

/** The same for programs that read tables: a record for each difference, nothing left out. */
export function findingsCsv(findings: readonly JoinedFinding[]): string {
  const columns = [
    ...['finding', 'finding_verdict', 'tested_on', 'claim', 'claim_verdict', 'metric', 'plus', 'minus'],
    ...['difference', 'low', 'high', 'above', 'below', 'verdict', 'why'],
  ]
  const rows = findings.flatMap(({ finding, verdict, evidence }) =>
    evidence.length === 0
      ? [[finding, verdict, ...Array<null>(columns.length - 2).fill(null)]]
      : evidence.flatMap((test) =>
          test.differences.map((one) => [
            ...[finding, verdict, test.on, test.claim, test.verdict, one.metric],
            ...[one.plus.join(' + '), one.minus.join(' + ')],
            ...[one.difference?.mean ?? null, one.difference?.low ?? null, one.difference?.high ?? null],
            ...[one.above ?? null, one.below ?? null, one.verdict, one.why ?? null],
          ]),
        ),
  )
  return csvText(columns, rows)
}
