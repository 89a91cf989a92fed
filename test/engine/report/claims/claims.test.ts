import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AnalysedClaim, Verdict } from '../../../../engine/report/analysis.ts'
import { joinedFindings } from '../../../../engine/report/claims/joined.ts'
import { readClaims } from '../../../../engine/report/claims/read.ts'
import { findingsCsv, findingsTable } from '../../../../engine/report/claims/tables.ts'
import { findingsText } from '../../../../engine/report/claims/text.ts'
import { plainPaint } from '../../../../engine/report/colour.ts'
import { latexTable, markdownTable } from '../../../../engine/util/tables/formats.ts'
import { Project } from '../../../rig/project.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'

/** A claim about one difference. */
function claim(finding: string | undefined, verdict: Verdict, more: object = {}): AnalysedClaim {
  const difference = { mean: 0.0264, low: 0.0191, high: 0.0337 }
  const one = { plus: ['all'], minus: ['half'], metric: 'ndcg@10', below: 0.01, difference, verdict, ...more }
  return { claim: 'half do', ...(finding === undefined ? {} : { finding }), verdict, differences: [one] }
}

const on = (collection: string, ...claims: AnalysedClaim[]) => ({ collection, claims })

describe('findings of several analyses', () => {
  const verdicts = (...all: Verdict[]) =>
    joinedFindings([], [{ collections: all.map((verdict, i) => on(`c${i}`, claim('f', verdict))) }])[0]!.verdict

  test('hold where all that tests them does, and do not where one test does not', () => {
    expect(verdicts('holds', 'holds')).toBe('holds')
    expect(verdicts('holds', 'undetermined')).toBe('undetermined')
    expect(verdicts('holds', 'undetermined', 'does not hold')).toBe('does not hold')
  })

  test('stand in the order in which they are named, tested or not, and are joined over sources', () => {
    const sources = [
      { label: 'SciFact', collections: [on('a', claim('late', 'holds'), claim(undefined, 'holds'))] },
      { collections: [on('b', claim('early', 'holds'))] },
      { label: 'two', collections: [on('c', claim('late', 'holds')), on('d', claim('late', 'does not hold'))] },
      { collections: [{ collection: 'e' }] },
    ]
    const joined = joinedFindings(['never', 'early'], sources)
    expect(joined.map(({ finding, verdict, evidence }) => [finding, verdict, evidence.map((one) => one.on)])).toEqual([
      ['never', 'undetermined', []],
      ['early', 'holds', ['b']],
      ['late', 'does not hold', ['SciFact', 'two, c', 'two, d']],
    ])
  })

  test('are told as text, Markdown, CSV and LaTeX', () => {
    const findings = joinedFindings(
      ['never'],
      [
        { collections: [on('x', claim('f', 'does not hold'))] },
        { collections: [on('y', claim('f', 'undetermined', { difference: undefined, why: 'there is no all' }))] },
      ],
    )
    const markdown = markdownTable(findingsTable(findings))
    expect(markdown).toContain('| never | undetermined | not tested |')
    expect(markdown).toContain(
      '| f | does not hold (1 does not hold, 1 undetermined) | x | half do | does not hold | ndcg@10: all − half | +0.0264 | +0.0191 to +0.0337 | below 0.01 |',
    )
    expect(markdown).toContain('|  |  | y | half do | undetermined | ndcg@10: all − half |  |  | below 0.01 |')
    expect(markdown).toContain('“half do” is undetermined on y: there is no all.')
    expect(findingsCsv(findings).split('\r\n').slice(1)).toEqual([
      'never,undetermined,,,,,,,,,,,,,',
      'f,does not hold,x,half do,does not hold,ndcg@10,all,half,0.0264,0.0191,0.0337,,0.01,does not hold,',
      'f,does not hold,y,half do,undetermined,ndcg@10,all,half,,,,,0.01,undetermined,there is no all',
      '',
    ])
    expect(latexTable(findingsTable(findings))).toContain('f & does not hold (1 does not hold, 1 undetermined) & x &')
    expect(findingsText(findings, plainPaint)).toContain(
      'does not hold  f (1 does not hold, 1 undetermined)\n  does not hold  half do (x)\n    ndcg@10: all − half: +0.0264 (+0.0191 to +0.0337), claimed below 0.01',
    )
  })
})

test('texts from elsewhere stay on one line, and are text in Markdown and LaTeX', () => {
  const odd = '[a]\nb | <c> \u202e\u001b[2J'
  const said = claim(odd, 'holds', { difference: { mean: -0.02, low: -0.03, high: -0.01 }, plus: [odd] })
  const findings = joinedFindings([], [{ label: odd, collections: [on(odd, said)] }])
  expect(findingsText(findings, plainPaint)).toBe(
    `holds  [a] b | <c>\n  holds  half do ([a] b | <c>)\n    ndcg@10: [a] b | <c> − half: -0.0200 (-0.0300 to -0.0100), claimed below 0.01`,
  )
  expect(markdownTable(findingsTable(findings))).toContain('| \\[a\\] b \\| &lt;c> ')
  const row = latexTable(findingsTable(findings)).split('\n')[6]
  expect(row).toContain('{[}a] b \\textbar{} \\textless{}c\\textgreater{} ')
  expect(row).toContain('& ndcg@10: ')
  expect(row).toContain(' $-$ half & $-$0.0200 & $-$0.0300 to $-$0.0100 &')
  expect(row).not.toMatch(/[\u202e−]|\p{Cc}/u)
})

describe('queryloom claims', () => {
  const analysis = (...claims: unknown[]) =>
    JSON.stringify({ schema: 1, metrics: ['ndcg@10'], collections: [{ collection: 'x', claims }] })
  const PIPELINE = `version: 1
name: p
stages:
  analysis:
    uses: analysis
    with:
      systems: [{ label: a, scores: a.json }]
      claims: [{ claim: c, finding: never, all: [{ plus: [{ system: a }], minus: [{ system: a }], above: 0 }] }]
`

  test('reads outputs of analyses by path and label, and names of findings from pipelines', async () => {
    const project = new Project({ 'p.yaml': PIPELINE, 'out/p=1/analysis.json': analysis(claim('f', 'holds')) })
    const { status, stdout } = await project.call('claims', 'p.yaml', 'out/p=1', 'again=out/p=1', '--format', 'md')
    expect(status).toBe(0)
    expect(stdout).toContain('| never | undetermined | not tested |')
    expect(stdout).toContain('| f | holds | x | half do | holds |')
    expect(stdout).toContain('|  |  | again | half do | holds |')
    const json = await project.json<{ findings: unknown[] }>('claims', 'out/p=1')
    expect(json.findings).toMatchObject([{ finding: 'f', verdict: 'holds', evidence: [{ on: 'x' }] }])
  })

  test('refuses what is no analysis, and says what to name', async () => {
    const project = new Project({ 'empty/x': '', 'other.json': '{"schema":1}' })
    for (const path of ['gone', 'empty', 'other.json']) {
      const { status, stderr } = await project.call('claims', path)
      expect([path, status]).toEqual([path, 2])
      expect(stderr).toContain('Name the output of an `analysis` stage')
    }
  })

  test('believes no file', () => {
    const folder = temporaryFolder()
    const write = (text: string): string => {
      mkdirSync(folder, { recursive: true })
      const file = join(folder, 'analysis.json')
      writeFileSync(file, text)
      return file
    }
    expect(readClaims(write(analysis(claim('f', 'holds'))))).toHaveLength(1)
    const nothing = analysis({ ...claim('f', 'holds'), differences: [] })
    for (const text of ['', '[]', analysis({ claim: 1 }), analysis(claim('f', 'perhaps' as Verdict)), nothing])
      expect(() => readClaims(write(text))).toThrow(/is no (analysis|JSON)/)
  })
})
