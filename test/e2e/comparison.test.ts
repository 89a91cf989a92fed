import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

interface Tables {
  tables: { metric: string; x: string; columns: string[]; rows: { system: string; values: (number | null)[] }[] }[]
}

const SYSTEMS = [
  'scores',
  'BM25 (baseline)',
  'untrained (baseline)',
  'labelled (baseline)',
  'crop (baseline)',
  'shuffled (baseline)',
]

/** The small pipeline, swept, with every baseline, a list over its runs, and a stage that may be left out. */
function comparison(endpoint: string): string {
  return `${smallPipeline(endpoint)
    .replace('  minimum: 1', '  minimum: 1\n  extra: false')
    .replace('  lines:\n', '  lines:\n    when: ${params.extra}\n')}  runs:
    uses: command
    with:
      run: "ls runs > names; sort runs/*/run.trec | cut -d' ' -f 1 | uniq | wc -l > queries"
      inputs: { runs: "\${stages.scores.run[*]}" }
      outputs: { names: names, queries: queries }
baselines: [bm25, untrained, labelled, crop, shuffled]
sweep: { axes: { density: [2, 1] } }
report: { x: density, metrics: [ndcg@10] }
`
}

test('a swept system stands beside its baselines in one table, and its runs in one folder', async () => {
  const server = await fakeOpenai(writtenBy)
  const project = new Project({ ...smallProject(server.url), 'pipeline.yaml': comparison(server.url) })
  const { stdout: plan } = await project.call('plan', 'pipeline.yaml')
  expect(plan).toContain('left out: 2 nodes of lines (its `when` is false)')
  const run = await project.run('pipeline.yaml')
  expect(run.stderr).toBe('')
  // Baselines ask for nothing, and the smaller density for nothing that the larger does not.
  expect(run.finished).toMatchObject({ status: 'ok', nodes: { failed: 0, skipped: 0 }, requests: { sent: 40 } })

  const outputs = join(project.folder, 'out/pipeline/runs')
  const names = readdirSync(outputs).sort()
  expect(names).toEqual(['names', 'queries'])
  expect(readFileSync(join(outputs, 'names/names'), 'utf8')).toBe('density=1\ndensity=2\n')
  expect(Number(readFileSync(join(outputs, 'queries/queries'), 'utf8'))).toBe(10)

  const results = await project.json<{ fresh: boolean }[]>('metrics', 'pipeline.yaml')
  expect(results.every(({ fresh }) => fresh)).toBe(true)
  const { tables } = await project.json<Tables>('metrics', 'pipeline.yaml', '--tables')
  expect(tables).toHaveLength(1)
  expect(tables[0]).toMatchObject({ metric: 'ndcg@10', x: 'density', columns: ['2', '1'] })
  expect(tables[0]?.rows.map(({ system }) => system)).toEqual(SYSTEMS)
  for (const { values } of tables[0]?.rows ?? []) for (const value of values) expect(value).toBeGreaterThan(0)

  const { stdout } = await project.call('metrics', 'pipeline.yaml')
  expect(stdout).toMatch(/^system +density=2 +density=1$/m)

  // Another order of an axis changes no result: lists are named by labels where a stage sees names.
  project.write('pipeline.yaml', comparison(server.url).replace('[2, 1]', '[1, 2]'))
  expect((await project.run('pipeline.yaml')).executed).toEqual([])
  // A label does, where it is the name of a file.
  project.write('pipeline.yaml', comparison(server.url).replace('[2, 1]', '{ two: 2, one: 1 }'))
  expect((await project.run('pipeline.yaml')).executed).toEqual(['runs'])
})
