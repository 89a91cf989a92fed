import { expect, test } from 'vitest'
import { Project, told } from './project.ts'

const load = (report: string, options = {}) =>
  new Project().load(
    `version: 1
params: { scale: 1, seed: 1 }
stages: { s: { uses: command, with: { run: "\${params.scale} \${params.seed}" } } }
sweep: { axes: { scale: [1, 2] }, replicates: { seed: [1, 2] } }
report: ${report}
`,
    options,
  )

test.each([
  ['{ x: scael }', '5:14 report `scael` is no axis of the sweep', 'scale'],
  ['{ x: seed }', '5:14 report results are folded over the replicates of `seed`', undefined],
  ['{ x: scale, series: scale }', "5:29 report `scale` can't be both the columns and the rows", undefined],
  ['{ series: scale }', '5:11 report `series` are the rows of a table that has no columns', undefined],
])('report %s is refused', (report, message, suggestion) => {
  const { graph, diagnostics } = load(report)
  expect(graph).toBeUndefined()
  expect([...told(diagnostics), diagnostics[0]?.suggestion]).toEqual([message, suggestion])
})

test('an axis that -p has set may stay in the report', () => {
  const { graph, diagnostics } = load('{ x: scale }', { params: { scale: '1' } })
  expect(told(diagnostics)).toEqual([])
  expect(graph?.pipeline.report).toEqual({ x: 'scale' })
})
