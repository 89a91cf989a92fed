import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import type { SidesComparison } from '../../engine/report/compare/comparison.ts'
import { differences, familyTest } from '../../engine/util/statistics/family-test.ts'
import { type FakeOpenai, fakeOpenai } from '../rig/fake-openai.ts'
import { inventSweep } from '../rig/invented-sweep.ts'
import { Project } from '../rig/project.ts'
import { SMALL_PROMPT, smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

/** The small pipeline with three trainings of its retriever. */
function trained(endpoint: string, steps: number): string {
  const pipeline = smallPipeline(endpoint)
    .replace('budget: { steps: 20 }', `budget: { steps: ${steps} }, seed: "\${params.train_seed}"`)
    .replace('  minimum: 1\n', '  minimum: 1\n  train_seed: 1\n')
  return `${pipeline}baselines: [bm25]
sweep: { replicates: { train_seed: [1, 2, 3] } }
`
}

const OTHER_PROMPT = SMALL_PROMPT.replace('Search query:', 'A question about it:')

function git(project: Project, ...words: string[]): string {
  const who = ['-c', 'user.name=Someone', '-c', 'user.email=someone@example.org']
  return execFileSync('git', ['-C', project.folder, ...who, ...words], { encoding: 'utf8' })
}

async function compare(project: Project, ...words: string[]): Promise<SidesComparison> {
  const { stdout, stderr } = await project.call('compare', ...words, '--json')
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as SidesComparison
}

let begun: Promise<{ server: FakeOpenai; folder: string }> | undefined
const kept = mkdtempSync(join(tmpdir(), 'queryloom-begun-'))
afterAll(() => rmSync(kept, { recursive: true, force: true }))

/** The first state of a project, run and committed; it is made once. */
async function firstState(): Promise<{ server: FakeOpenai; folder: string }> {
  const server = await fakeOpenai(writtenBy)
  const project = new Project({ ...smallProject(server.url, 80), 'pipeline.yaml': trained(server.url, 20) })
  project.write('.gitignore', '.queryloom\nout\ndata\n')
  git(project, 'init', '-q', '.')
  await project.run('pipeline.yaml')
  git(project, 'add', '-A')
  git(project, 'commit', '-q', '-m', 'one')
  // Nothing is left where it was: a copy must find all that is its own.
  const folder = join(kept, 'project')
  renameSync(project.folder, folder)
  return { server, folder }
}

/** A project whose first state is committed and run, and whose prompt and trainings have changed since. */
async function changedProject(steps = 60): Promise<Project> {
  const isFirst = begun === undefined
  begun ??= firstState()
  const { server, folder } = await begun
  if (!isFirst) {
    await server.revive()
    onTestFinished(server.die)
  }
  const project = new Project({})
  cpSync(folder, project.folder, { recursive: true, verbatimSymlinks: true })
  project.write('pipeline.yaml', trained(server.url, steps))
  project.write('prompt.yaml', OTHER_PROMPT)
  return project
}

test('a revision, runs and lockfiles tell the same changes and the same effects, with the significance of their queries', async () => {
  const project = await changedProject()
  const before = git(project, 'status', '--porcelain')

  // Before anything has run, what changed is known, and what it did is not.
  const early = await compare(project, 'HEAD', 'now', '--pipeline', 'pipeline.yaml')
  expect(early.changes.changed.map(({ stage, nodes }) => [stage, nodes.length])).toEqual([
    ['queries', 1],
    ['retriever', 3],
  ])
  expect(early.changes.changed[0]?.changes[0]).toMatchObject({
    kind: 'option',
    path: 'prompt/template',
    diff: expect.stringContaining('-Search query:\n+A question about it:'),
  })
  expect(early.changes.changed[1]?.changes).toEqual([{ kind: 'option', path: 'budget/steps', old: 20, new: 60 }])
  expect(early.changes.following).toEqual([
    'kept',
    'data',
    'scores[train_seed=1]',
    'scores[train_seed=2]',
    'scores[train_seed=3]',
    'lines',
  ])
  expect(early.effects.flatMap(({ systems }) => systems.map(({ system, outcome }) => [system, outcome]))).toEqual([
    ['BM25 (baseline)', 'same'],
  ])
  expect(early.missing).toEqual([expect.objectContaining({ side: 'b', advice: 'queryloom run pipeline.yaml' })])
  expect(early.missing[0]?.nodes).toContain('scores[train_seed=2]')
  expect(git(project, 'status', '--porcelain')).toBe(before)

  await project.run('pipeline.yaml')
  const told = await compare(project, 'HEAD:pipeline.yaml', 'now')
  expect(told.missing).toEqual([])
  const [effect] = told.effects
  expect(effect).toMatchObject({ dataset: 'd', split: 'test', queries: 20, metrics: ['ndcg@10', 'recall@10'] })
  const scores = effect?.systems.find(({ system }) => system === 'scores')
  expect(scores).toMatchObject({ outcome: 'tested', replicates: { a: 3, b: 3 } })

  // The numbers are those of the results, and the test pairs trainings by their seeds.
  const [old, now] = await Promise.all(['HEAD:pipeline.lock', 'now'].map(async (side) => valuesOf(project, side)))
  const [expected] = familyTest([differences(now!, old!)])
  const metric = scores?.metrics['ndcg@10']
  expect(metric?.difference).toBeCloseTo(expected!.mean, 12)
  expect(metric?.p).toBeCloseTo(expected!.p, 12)
  expect(metric?.low).toBeCloseTo(expected!.interval.low, 12)
  expect(metric!.b - metric!.a).toBeCloseTo(metric!.difference, 12)

  for (const words of [
    ['HEAD:pipeline.lock', 'pipeline.lock'],
    ['last~1', 'last'],
    ['HEAD:pipeline.yaml', 'pipeline.lock'],
  ]) {
    const same = await compare(project, ...words)
    expect(same.changes.changed, words.join(' ')).toEqual(told.changes.changed)
    expect(same.effects, words.join(' ')).toEqual(told.effects)
  }
  // A run of another pipeline in between is none of the earlier ones.
  project.write(
    'other.yaml',
    'version: 1\nname: other\nstages: { one: { uses: command, with: { run: touch x, outputs: { x: x } } } }\n',
  )
  await project.run('other.yaml')
  await project.run('pipeline.yaml')
  const [both, newest] = [await compare(project, 'last~2', 'last'), await compare(project, 'last~1', 'last')]
  expect(both.effects).toEqual(told.effects)
  expect(newest.changes).toMatchObject({ changed: [], following: [], only: { a: [], b: [] } })
  // The other way round everything is the other way round.
  const turned = await compare(project, 'now', 'HEAD:pipeline.yaml')
  expect(turned.effects[0]?.systems[0]?.metrics['ndcg@10']?.difference).toBeCloseTo(-metric!.difference, 12)
})

/** nDCG@10, trainings by queries, straight from the outputs of the newest run or of the one before. */
async function valuesOf(project: Project, side: string): Promise<number[][]> {
  const keys = JSON.parse((await project.call('runs', '--json')).stdout) as { folder: string }[]
  const folder = keys[side === 'now' ? 0 : 1]!.folder
  const events = readFileSync(join(folder, 'events.jsonl'), 'utf8').trimEnd().split('\n')
  const records = new Map<string, string>()
  for (const line of events) {
    const event = JSON.parse(line) as { type: string; node: string; key: string }
    if (event.type === 'node-finished' && event.node.startsWith('scores[')) records.set(event.node, event.key)
  }
  const store = join(project.folder, '.queryloom')
  const log = readFileSync(join(store, 'actions.log'), 'utf8')
  return [...records].sort().map(([, key]) => {
    const line = log.split('\n').find((one) => one.includes(`["result","${key}"`))!
    const record = JSON.parse(line.slice(line.indexOf('\t{') + 1).replace(/\t[^\t]*$/, '')) as {
      outputs: { scores: { files: { path: string; blob: string }[] } }
    }
    const { blob } = record.outputs.scores.files.find(({ path }) => path === 'queries.jsonl')!
    const hex = blob.replace('sha256:', '')
    const file = execFileSync('find', [join(store, 'blobs'), '-name', `*${hex.slice(4)}*`], { encoding: 'utf8' }).trim()
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((row) => (JSON.parse(row) as { metrics: { [metric: string]: number } }).metrics['ndcg@10']!)
  })
}

test('the queries that lost most are shown with their texts, both rankings, and what was trained on their answers', async () => {
  // As good as untrained, so that queries lose.
  const project = await changedProject(1)
  await project.run('pipeline.yaml')
  const { queries } = await compare(project, 'HEAD:pipeline.yaml', 'now', '--queries', 'worst:3')
  expect(queries).toMatchObject({ system: 'scores', metric: 'ndcg@10', order: 'worst' })
  const [first, ...others] = queries!.queries
  expect(first?.text).toMatch(/^which \w+ /)
  expect(first?.top.a).toHaveLength(10)
  expect(first?.top.b).toHaveLength(10)
  const relevant = first?.top.a.filter(({ relevance }) => (relevance ?? 0) > 0) ?? []
  expect(relevant.every(({ text }) => text?.includes('The '))).toBe(true)
  for (const { difference } of others) expect(difference).toBeGreaterThanOrEqual(first!.difference)
  expect(queries!.queries.every(({ difference, a, b }) => difference < 0 && Math.abs(b - a - difference) < 1e-12)).toBe(
    true,
  )
  const best = (await compare(project, 'HEAD:pipeline.yaml', 'now', '--queries', 'best:3', '--system', 'scores'))
    .queries
  expect(best!.queries.every(({ difference }) => difference > 0)).toBe(true)
  const trainedOn = [...queries!.queries, ...best!.queries].flatMap(({ training }) => [...training.a, ...training.b])
  expect(trainedOn.length).toBeGreaterThan(0)
  for (const { query } of trainedOn) expect(query).not.toBe('')

  const { stdout } = await project.call('compare', 'HEAD:pipeline.yaml', 'now', '--queries', 'worst:1')
  expect(stdout).toContain('Queries of scores that lost most ndcg@10: 1 of')
  const unknown = await project.call('compare', 'HEAD:pipeline.yaml', 'now', '--queries', 'worst', '--system', 'nobody')
  expect(unknown).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no system nobody is measured on both sides'),
  })
  const markdown = (await project.call('compare', 'HEAD:pipeline.yaml', 'now', '--format', 'md')).stdout
  expect(markdown).toContain('## What changed')
  expect(markdown).toMatch(/^ {2}```diff\n {2}@@[^\n]*\n {3}Passage/m)
})

test('what is not in the store is said, with what to do, and a broken or missing side is refused', async () => {
  const project = await changedProject()
  await project.run('pipeline.yaml')
  // A clone has the lockfiles, and none of the results.
  rmSync(join(project.folder, '.queryloom'), { recursive: true })
  const bare = await project.call('compare', 'HEAD:pipeline.lock', 'pipeline.lock', '--json')
  const told = JSON.parse(bare.stdout) as SidesComparison
  expect(told.effects).toEqual([])
  expect(told.changes.identities.map(({ section, name }) => [section, name])).toEqual([['prompts', 'prompt.yaml']])
  expect(told.missing.map(({ side, why }) => [side, why])).toEqual([
    ['a', 'the locked result is not in this store'],
    ['b', 'the locked result is not in this store'],
  ])
  for (const [words, problem] of [
    [['nowhere', 'now', '--pipeline', 'pipeline.yaml'], 'git knows no revision "nowhere" here'],
    [['--', '--output=stolen', 'pipeline.yaml'], 'git knows no revision "--output=stolen" here'],
    [['20200101T000000', 'now', '--pipeline', 'pipeline.yaml'], 'there is no run 20200101T000000'],
    [['last~5', 'now', '--pipeline', 'pipeline.yaml'], 'there are no runs of pipeline.yaml yet'],
    [['HEAD', 'now'], 'which pipeline'],
    [['HEAD:other.yaml', 'now'], 'was not there at HEAD'],
  ] as const) {
    const refused = await project.call('compare', ...words)
    expect(refused).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(problem) })
    expect(refused.stderr).not.toMatch(/^ {4}at /m)
  }
  expect(existsSync(join(project.folder, 'stolen'))).toBe(false)
})

test('a revision is read without executing what the repository configures, and data beside it is what it is now', async () => {
  const project = await changedProject()
  project.write('hook.sh', '#!/bin/sh\ntouch "$(dirname "$0")/executed"\n')
  chmodSync(join(project.folder, 'hook.sh'), 0o755)
  git(project, 'config', 'core.fsmonitor', join(project.folder, 'hook.sh'))
  git(project, 'config', 'diff.external', join(project.folder, 'hook.sh'))
  rmSync(join(project.folder, 'executed'), { force: true })
  const { a, changes } = await compare(project, 'HEAD:pipeline.yaml', 'now')
  expect(existsSync(join(project.folder, 'executed'))).toBe(false)
  expect(a.about).toMatch(/^commit [0-9a-f]{12}$/)
  expect(changes.changed.some(({ changes: of }) => of.some(({ kind }) => kind === 'data'))).toBe(false)

  // Data that is tracked is read as it was.
  project.write('.gitignore', '.queryloom\nout\n')
  git(project, 'config', '--unset', 'core.fsmonitor')
  git(project, 'add', 'data')
  git(project, 'commit', '-q', '-m', 'data')
  project.write(
    'data/qrels/test.tsv',
    readFileSync(join(project.folder, 'data/qrels/test.tsv'), 'utf8').replace(/\n.*\n$/, '\n'),
  )
  const data = await compare(project, 'HEAD:pipeline.yaml', 'now')
  const found = data.changes.changed.find(({ stage }) => stage === 'scores')?.changes
  expect(found).toEqual([
    expect.objectContaining({
      kind: 'data',
      from: 'dataset d, split test',
      part: 'qrels',
      old: expect.stringMatching(/^sha256:/),
    }),
  ])
})

test('what an analysis concludes stands in metrics, and beside what it concluded before in a comparison', async () => {
  const project = new Project({})
  const shape = { densities: [1], generators: ['one'], seeds: 3, queries: 500 }
  await inventSweep(project.folder, { ...shape, scales: [0.25, 0.5, 1] })
  const before = (await project.call('metrics', 'sweep.yaml')).stdout
  expect(before).toContain('contrasts in ndcg@10 over 500 queries, 3 in the family')
  expect(before).toMatch(/^augmented \[.*\]: undetermined over scale, 3 values of scale, and 4 are needed$/m)

  await inventSweep(project.folder, { ...shape, scales: [0.25, 0.5, 0.75, 1] })
  const { analyses } = await project.json<{ analyses: { collections: { plateaus: object[] }[] }[] }>(
    'metrics',
    'sweep.yaml',
    '--tables',
  )
  const [plateau] = analyses[0]!.collections[0]!.plateaus as { at: string }[]
  expect(plateau?.at).toMatch(/^0\.\d+$/)
  const told = await compare(project, 'last~1', 'last')
  expect(told.changes.only.b).toContain('scores[density=1,generator=one,scale=0.75,train_seed=2]')
  expect(told.analyses).toHaveLength(1)
  const [change] = told.analyses
  expect(change?.plateaus).toEqual([
    expect.objectContaining({
      before: expect.objectContaining({ undetermined: '3 values of scale, and 4 are needed' }),
      now: expect.objectContaining({ at: plateau?.at }),
    }),
  ])
  expect(change?.contrasts.map(({ before: old, now }) => [old !== null, now !== null])).toContainEqual([false, true])
  const { stdout } = await project.call('compare', 'last~1', 'last')
  expect(stdout).toContain(`undetermined (3 values of scale, and 4 are needed) in A, ${plateau?.at} in B`)
})
