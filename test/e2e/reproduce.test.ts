import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'

interface Report {
  nodes: {
    id: string
    outcome: string
    files?: { output: string; path: string; kind: string; size?: { locked: number; made: number }; offset?: number }[]
    text?: { equal: number; words: number; bigrams: number; passages: number }
    metrics?: { metric: string; difference: number; low: number; high: number; p: number }[]
    failure?: { message: string }
  }[]
  left_out: string[]
  kept: string | null
}

/** Everything in the store that a result could be found by. */
function stored(project: Project): string {
  const store = join(project.folder, '.queryloom')
  const names = readdirSync(join(store, 'blobs'), { recursive: true }).sort()
  return [names.join('\n'), readFileSync(join(store, 'actions.log'), 'utf8'), readdirSync(store).sort().join()].join(
    '\n',
  )
}

const outcomes = ({ nodes }: Report): { [id: string]: string } =>
  Object.fromEntries(nodes.map(({ id, outcome }) => [id, outcome]))

async function made(passages = 40) {
  let round = 0
  const server = await fakeOpenai((request) => {
    const usual = writtenBy(request) as { answer: string }
    // Asked again, every other query is another.
    return round > 0 && / number \d*[02468] /.test(request.text) ? { answer: 'which keeper is it' } : usual
  })
  const files = smallProject(server.url, passages)
  const project = new Project(files)
  expect((await project.run('pipeline.yaml')).finished.status).toBe('ok')
  return { server, files, project, next: () => round++ }
}

const DETERMINISTIC = ['passages', 'queries', 'kept', 'data', 'retriever', 'scores']

test('whatever is deterministic is made again and found identical: nothing is asked, and the store stays as it was', async () => {
  const { server, project } = await made()
  const before = stored(project)
  const asked = server.requests.length
  const report = await project.json<Report>('reproduce', 'pipeline.yaml')
  expect(outcomes(report)).toEqual(Object.fromEntries(DETERMINISTIC.map((id) => [id, 'identical'])))
  expect(report.left_out).toEqual(['lines'])
  expect(server.requests.length).toBe(asked)
  expect(readdirSync(join(project.folder, '.queryloom/reproduce'))).toEqual([])
  rmSync(join(project.folder, '.queryloom/reproduce'), { recursive: true })
  expect(stored(project)).toBe(before)
  const text = await project.call('reproduce', 'pipeline.yaml', 'lines', 'kept')
  expect([text.status, text.stdout]).toEqual([
    0,
    expect.stringMatching(/^kept +identical\nlines +identical\n\n2 of 2 nodes identical/m),
  ])
})

test('what differs is told by file, sizes and first byte, and what follows is still made from the locked inputs', async () => {
  const project = new Project({ COUNT: '1\n' })
  const count = join(project.folder, 'COUNT')
  project.write(
    'p.yaml',
    `version: 1
stages:
  a: { uses: command, with: { run: "n=$(cat ${count}); echo $((n+1)) > ${count}; echo same $n > o; test $n = 1 || echo more >> o", outputs: { o: o } } }
  b: { uses: command, with: { run: "cat i > o", inputs: { i: "\${stages.a.o}" }, outputs: { o: o } } }
`,
  )
  await project.run('p.yaml')
  expect((await project.call('reproduce', 'p.yaml')).stderr).toContain('nothing to make again')
  const found = await project.call('reproduce', 'p.yaml', 'a', 'b', '--json', '--keep')
  expect(found.status).toBe(1)
  const report = JSON.parse(found.stdout) as Report
  expect(report.nodes[0]).toMatchObject({
    id: 'a',
    outcome: 'different',
    files: [{ output: 'o', path: 'o', kind: 'different', size: { locked: 7, made: 12 }, offset: 5 }],
  })
  expect(outcomes(report)).toMatchObject({ b: 'identical' })
  expect(readdirSync(report.kept as string)).toContain('store')
  const text = await project.call('reproduce', 'p.yaml', 'a')
  expect(text.stdout).toContain('o/o: 12 bytes, locked are 7; first difference at byte 5')
})

test('results that are not stored are made from what is, and a row that is missing is no reason to ask', async () => {
  const { server, files, project } = await made()
  const asked = server.requests.length
  for (const name of ['blobs', 'actions.log', 'preimages.log'])
    rmSync(join(project.folder, '.queryloom', name), { recursive: true })
  expect(outcomes(await project.json('reproduce', 'pipeline.yaml', 'scores'))).toMatchObject({
    queries: 'identical',
    scores: 'identical',
  })
  const empty = new Project({ ...files, 'pipeline.lock': readFileSync(join(project.folder, 'pipeline.lock'), 'utf8') })
  const report = await empty.json<Report>('reproduce', 'pipeline.yaml', 'kept')
  expect(outcomes(report)).toEqual({ passages: 'identical', queries: 'failed', kept: 'skipped' })
  expect(report.nodes[1]?.failure?.message).toContain('not stored')
  expect(server.requests.length).toBe(asked)
})

test('--reobserve asks again in the scratch store, and tells how far texts and metrics moved', async () => {
  const { server, project, next } = await made()
  const before = stored(project)
  const same = await project.call('reproduce', 'pipeline.yaml', '--reobserve', '--json')
  expect(same.status).toBe(0)
  expect(new Set(Object.values(outcomes(JSON.parse(same.stdout))))).toEqual(new Set(['identical']))
  expect(server.requests.length).toBe(80)
  next()
  const moved = await project.call('reproduce', 'pipeline.yaml', 'queries', '--reobserve', '--json')
  expect(moved.status).toBe(0)
  const { nodes } = JSON.parse(moved.stdout) as Report
  const text = nodes.find(({ id }) => id === 'queries')?.text
  expect(text).toMatchObject({ passages: 20 })
  expect(text!.equal).toBeGreaterThan(0.2)
  expect(text!.equal).toBeLessThan(0.8)
  // A passage has the same queries both times, or none in common.
  expect(text!.words).toBeCloseTo(text!.equal, 1)
  const metrics = nodes.find(({ id }) => id === 'scores')?.metrics
  expect(metrics?.map(({ metric }) => metric)).toEqual(['ndcg@10', 'recall@10'])
  for (const { difference, low, high } of metrics!) {
    expect(low).toBeLessThanOrEqual(difference)
    expect(high).toBeGreaterThanOrEqual(difference)
  }
  expect(nodes.map(({ id }) => id)).toContain('lines')
  expect(nodes.map(({ id }) => id)).not.toContain('passages')
  rmSync(join(project.folder, '.queryloom/reproduce'), { recursive: true })
  expect(stored(project)).toBe(before)
  expect((await project.run('pipeline.yaml')).finished.requests.sent).toBe(0)
})

test('a pipeline that differs from its lockfile, and one that has none, are refused', async () => {
  const { project } = await made(12)
  const pipeline = readFileSync(join(project.folder, 'pipeline.yaml'), 'utf8')
  project.write('pipeline.yaml', pipeline.replace('steps: 20', 'steps: 21'))
  const refused = await project.call('reproduce', 'pipeline.yaml')
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringMatching(/~ retriever is not what was locked/)])
  expect((await project.call('reproduce', 'pipeline.yaml', 'kept')).status).toBe(0)
  expect((await project.call('reproduce', 'pipeline.yaml', 'nothing')).stderr).toContain('no stage or node nothing')
  rmSync(join(project.folder, 'pipeline.lock'))
  expect((await project.call('reproduce', 'pipeline.yaml')).stderr).toContain('there is no lockfile pipeline.lock')
})
