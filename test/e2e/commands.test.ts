import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

const PIPELINE = `version: 1
name: demo
params:
  lines: 2
  word: a
stages:
  sorted:
    uses: command
    with:
      run: echo sorting; sort in > out.txt
      inputs: { in: words.txt }
      outputs: { sorted: out.txt }
  top:
    uses: command
    with:
      run: echo taking \${params.lines}; head -n \${params.lines} in > out.txt
      inputs: { in: "\${stages.sorted.sorted}" }
      outputs: { top: out.txt }
  grepped:
    uses: command
    with:
      run: echo looking for \${params.word} >&2; grep \${params.word} in > out.txt
      inputs: { in: "\${stages.top.top}" }
      outputs: { found: out.txt }
`
const FILES = { 'demo.yaml': PIPELINE, 'words.txt': 'b\na\nc\n' }

interface NodeJson {
  id: string
  decision: string
  accepted?: { why: string; from: string }
  key: string
  record: { run: string; key: string; accepted: { why: string } | null } | null
  estimate: { seconds: number | null; tokens: number | null; money: number | null; requests: number; exact: boolean }
}
interface PlanJson {
  nodes: NodeJson[]
  totals: { cached: number; run: number; requests: number }
  estimate: { seconds: number | null; tokens: number | null; money: number | null; unknown_seconds: number }
}
const nodeOf = (plan: PlanJson, id: string): NodeJson => plan.nodes.find((node) => node.id === id) as NodeJson

describe('accept', () => {
  test('takes the newest outputs for the current key, on the record, and nothing runs', async () => {
    const project = new Project(FILES)
    await project.run('demo.yaml')
    const [old] = await project.json<NodeJson[]>('explain', 'demo.yaml', 'sorted')
    project.write('demo.yaml', PIPELINE.replace('echo sorting', 'echo "sorting them"'))
    expect((await project.call('status', 'demo.yaml')).status).toBe(1)
    const why = 'only what it says changed'
    const accepted = await project.call('accept', 'demo.yaml', 'sorted', '--why', why)
    expect(accepted).toEqual({ status: 0, stdout: '1 node accepted\n', stderr: '' })
    const plan = await project.json<PlanJson>('plan', 'demo.yaml')
    expect(plan.totals).toMatchObject({ cached: 3, run: 0 })
    expect(nodeOf(plan, 'sorted').accepted).toMatchObject({ why, from: old?.key })
    const [now] = await project.json<NodeJson[]>('explain', 'demo.yaml', 'sorted')
    expect(now).toMatchObject({ record: { run: old?.record?.run, key: now?.key, accepted: { why } } })
    expect(now?.key).not.toBe(old?.key)
    expect((await project.call('explain', 'demo.yaml', 'sorted')).stdout).toContain(why)
    expect((await project.run('demo.yaml')).executed).toEqual([])
    const again = await project.call('accept', 'demo.yaml', 'sorted', '--why', why)
    expect(again.stdout).toBe('0 nodes accepted, 1 up to date before\n')
    // Undone, it is the old result again, which nobody had to accept.
    project.write('demo.yaml', PIPELINE)
    const back = await project.json<PlanJson>('plan', 'demo.yaml')
    expect(nodeOf(back, 'sorted').decision).toBe('cached')
    expect(nodeOf(back, 'sorted').accepted).toBeUndefined()
  })

  test('refuses what it can not vouch for, and says what to do', async () => {
    const project = new Project(FILES)
    const accept = (...words: string[]): ReturnType<Project['call']> => project.call('accept', 'demo.yaml', ...words)
    expect(await accept('sorted', '--why', 'x')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('no result yet'),
    })
    expect(await accept('sorted')).toMatchObject({ status: 2, stderr: expect.stringContaining('--why') })
    expect(await accept('sorted', '--why', '  ')).toMatchObject({ status: 2 })
    expect(await accept('sortde', '--why', 'x')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Did you mean sorted?'),
    })
    await project.run('demo.yaml')

    project.write('demo.yaml', PIPELINE.replace('sort in', 'sort -r in'))
    const pending = await accept('top', '--why', 'x')
    expect(pending).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('before sorted has run or is accepted'),
    })
    project.write(
      'demo.yaml',
      PIPELINE.replaceAll('sorted: out.txt', 'ordered: out.txt').replace('sorted.sorted', 'sorted.ordered'),
    )
    expect(await accept('sorted', '--why', 'x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('other outputs'),
    })

    project.write('demo.yaml', PIPELINE.replace('sort in', 'sort -r in'))
    const blobs = join(project.folder, '.queryloom/blobs')
    for (const entry of readdirSync(blobs, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      chmodSync(path, 0o644)
      writeFileSync(path, 'damaged')
    }
    const damaged = await accept('sorted', '--why', 'x')
    expect(damaged).toMatchObject({ status: 1, stderr: expect.stringContaining('is damaged in the store') })
    rmSync(blobs, { recursive: true })
    expect(await accept('sorted', '--why', 'x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is missing in the store'),
    })
  })

  test('of several nodes takes all, or none', async () => {
    const project = new Project(FILES)
    const sweep = (values: string): string => `${PIPELINE}sweep: { axes: { lines: [${values}] } }\n`
    project.write('demo.yaml', sweep('1, 2'))
    await project.run('demo.yaml')
    const changed = (values: string): string => sweep(values).replace('echo taking', 'echo now taking')
    project.write('demo.yaml', changed('1, 2, 3'))
    const refused = await project.call('accept', 'demo.yaml', 'top', '--why', 'x')
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^top\[lines=3\] can't be accepted: it has no result yet\nnothing was accepted\n$/)
    expect((await project.json<PlanJson>('plan', 'demo.yaml')).totals.cached).toBe(1)
    project.write('demo.yaml', changed('1, 2'))
    expect(await project.call('accept', 'demo.yaml', 'top', '--why', 'x')).toMatchObject({
      stdout: '2 nodes accepted\n',
    })
    expect((await project.json<PlanJson>('plan', 'demo.yaml')).totals.cached).toBe(5)
  })
})

describe('runs and logs', () => {
  test('every run is listed, a killed one as crashed, and logs are found also of nodes that failed', async () => {
    const project = new Project(FILES)
    expect(await project.call('runs')).toMatchObject({ status: 0, stdout: '', stderr: 'no runs yet\n' })
    const first = await project.run('demo.yaml')
    const second = await project.run('demo.yaml', '-p', 'word=zebra')
    expect(second.status).toBe(1)
    const runs = await project.json<{ run: string; status: string; nodes: { executed: number; failed: number } }[]>(
      'runs',
      'demo.yaml',
    )
    expect(runs.map(({ status, nodes }) => [status, nodes.executed, nodes.failed])).toEqual([
      ['failed', 0, 1],
      ['ok', 3, 0],
    ])
    expect(first.events[0]).toMatchObject({ run: runs[1]?.run })
    expect((await project.call('runs', '--limit', '1')).stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(await project.call('runs', 'none.yaml')).toMatchObject({ status: 2, stderr: 'none.yaml is not there\n' })

    const failed = await project.call('logs', 'demo.yaml', 'grepped')
    expect(failed).toMatchObject({ status: 0, stdout: expect.stringContaining('looking for zebra\n') })
    expect(failed.stderr).toContain(`${runs[0]?.run} (failed)`)
    const ok = await project.call('logs', 'demo.yaml', 'grepped', '--run', runs[1]?.run ?? '')
    expect(ok.stdout).toContain('looking for a\n')
    // The newest run did not execute it: its newest log is that of the one before.
    expect((await project.call('logs', 'demo.yaml', 'sorted')).stdout).toContain('sorting\n')
    expect(await project.call('logs', 'demo.yaml', 'sorted', '--run', '1999')).toMatchObject({ status: 1, stdout: '' })
    expect(await project.call('logs', 'demo.yaml', 'sort')).toMatchObject({ status: 2 })

    // Killed before its end: the journal stops in the middle of a line.
    const journal = join(project.folder, '.queryloom/runs', runs[0]?.run ?? '', 'events.jsonl')
    writeFileSync(journal, readFileSync(journal).subarray(0, -30))
    rmSync(join(project.folder, '.queryloom/runs', runs[0]?.run ?? '', 'owner.json'))
    const table = (await project.call('runs', 'demo.yaml')).stdout.split('\n')
    expect(table[1]).toMatch(/ crashed$/)
    expect((await project.call('logs', 'demo.yaml', 'grepped')).stdout).toContain('looking for zebra\n')
  })

  test('of a node whose stage logs nothing, the journal tells what happened', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url))
    await project.run('pipeline.yaml', 'kept')
    const { stdout, stderr, status } = await project.call('logs', 'pipeline.yaml', 'kept')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\S+Z kept started \(filter\)\n\S+Z kept finished: /)
    expect(stderr).toContain('no process of kept wrote a log')
  })
})

test('graph draws the pipeline as Mermaid and as DOT', async () => {
  const project = new Project(FILES)
  const mermaid = await project.call('graph', 'demo.yaml')
  expect(mermaid).toMatchObject({ status: 0, stderr: '' })
  expect(mermaid.stdout).toMatch(/^flowchart TD\n {2}n0\["sorted<br\/>command<br\/>run"\]:::run\n.*:::pending\n/)
  expect((await project.call('graph', 'demo.yaml', '--format', 'dot')).stdout).toMatch(/^digraph pipeline \{\n/)
  expect(await project.call('graph', 'demo.yaml', '--format', 'svg')).toMatchObject({ status: 2 })
})

describe('estimates', () => {
  test('are not known before anything ran, then come from what ran, and money from prices of an endpoint', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url))
    const priced = (pipeline: string): string =>
      pipeline.replace('model: test-model', 'model: test-model, prices: { input: 1, output: 10 }')
    project.write('pipeline.yaml', priced(smallPipeline(server.url)))
    const before = await project.json<PlanJson>('plan', 'pipeline.yaml')
    expect(before.estimate).toMatchObject({ seconds: null, unknown_seconds: 7, tokens: expect.any(Number) })
    // 40 answers of 24 tokens at 10 for a million, and what the prompts take at 1.
    const output = 40 * 24
    const cost = (output * 10 + (before.estimate.tokens as number) - output) / 1e6
    expect(before.estimate.money).toBeCloseTo(cost, 9)
    expect((await project.call('plan', 'pipeline.yaml')).stdout).toMatch(
      /\nestimate: time not known; about [\d,]+ tokens; costs about 0.01 by/,
    )

    await project.run('pipeline.yaml')
    const [record] = await project.json<{ record: { seconds: number } }[]>('explain', 'pipeline.yaml', 'queries')
    const more = await project.json<PlanJson>('plan', 'pipeline.yaml', '-p', 'density=3')
    // A request takes as long as it took: half of them, half of the time.
    expect(nodeOf(more, 'queries').estimate.seconds).toBeCloseTo((record?.record.seconds as number) / 2, 9)
    expect(more.estimate).toMatchObject({ unknown_seconds: 0, seconds: expect.any(Number) })
    const seconds = more.nodes.map(({ estimate }) => estimate.seconds ?? 0)
    expect(more.estimate.seconds).toBeLessThanOrEqual(seconds.reduce((sum, one) => sum + one, 0))
    expect(more.estimate.seconds).toBeGreaterThanOrEqual(Math.max(...seconds))
  })
})
