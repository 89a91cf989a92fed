import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type FakeOpenai, fakeOpenai, type Reaction, type SeenRequest } from '../rig/fake-openai.ts'
import { ended, Project, type RunReport } from '../rig/project.ts'
import { smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

interface PlanJson {
  nodes: { id: string; decision: string; reasons: { kind: string }[]; estimate: Estimate }[]
  totals: { requests: number; cached_requests: number; run: number; pending: number; cached: number }
  estimate: { seconds: number | null; unknown_seconds: number; exact: boolean }
}
interface Estimate {
  exact: boolean
  requests: number
  cached_requests: number
  seconds: number | null
}

const REQUESTS = 40

/** Answers that differ each time a request is sent, so that it can be seen which one counts. */
const differently = (request: SeenRequest): Reaction => {
  const written = writtenBy(request)
  return 'answer' in written ? { answer: `${written.answer} ${'again '.repeat(request.before)}` } : written
}

async function started(react = writtenBy): Promise<{ server: FakeOpenai; project: Project; sent(): number }> {
  const server = await fakeOpenai(react)
  const project = new Project(smallProject(server.url))
  await project.run('pipeline.yaml')
  let before = server.requests.length
  const sent = (): number => {
    const now = server.requests.length - before
    before = server.requests.length
    return now
  }
  return { server, project, sent }
}

const links = (project: Project): { [node: string]: string } => {
  const out = join(project.folder, 'out/pipeline')
  return Object.fromEntries(readdirSync(out).map((name) => [name, readlinkSync(join(out, name))]))
}
const pairsOf = (project: Project): string =>
  readFileSync(join(project.folder, 'out/pipeline/queries/pairs/pairs.jsonl'), 'utf8')
const reasonsOf = (run: RunReport, node: string): readonly string[] | undefined =>
  run.events.flatMap((event) => (event.type === 'node-started' && event.node === node ? [event.reasons ?? []] : []))[0]

describe('a selection', () => {
  test('runs the named stages with what they need, and touches nothing of the others', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url))
    const first = await project.run('pipeline.yaml', 'kept')
    expect(first.executed).toEqual(['kept', 'passages', 'queries'])
    expect(first.events[0]).toMatchObject({ type: 'run-started', nodes: 3 })
    expect(Object.keys(links(project)).sort()).toEqual(['kept', 'passages', 'queries'])

    const rest = await project.run('pipeline.yaml', '--from', 'retriever', '--from', 'lines')
    expect(rest.executed).toEqual(['data', 'lines', 'retriever', 'scores'])
    expect(rest.restored).toEqual(['kept', 'passages', 'queries'])

    const before = links(project)
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '-p', 'minimum=5', 'lines')
    expect(plan.nodes.map(({ id }) => id).sort()).toEqual(['kept', 'lines', 'passages', 'queries'])
    const part = await project.run('pipeline.yaml', '-p', 'minimum=5', 'lines')
    expect(part.executed[0]).toBe('kept')
    expect([...part.executed, ...part.restored].sort()).toEqual(['kept', 'lines', 'passages', 'queries'])
    const after = links(project)
    for (const node of ['data', 'retriever', 'scores']) expect(after[node]).toBe(before[node])
    const back = await project.json<PlanJson>('plan', 'pipeline.yaml')
    expect(back.totals).toMatchObject({ cached: 7, run: 0, pending: 0 })
  })

  test('is refused where a name means nothing, with what was probably meant, and nothing runs', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url))
    const refused = async (...words: string[]): Promise<string> => {
      const { status, stdout, stderr } = await project.call('run', 'pipeline.yaml', ...words)
      expect({ words, status, stdout }).toEqual({ words, status: 2, stdout: '' })
      return stderr
    }
    expect(await refused('querys')).toBe('the pipeline has no stage or node querys. Did you mean queries?\n')
    expect(await refused('--from', 'kepd', '--force', 'kept')).toContain('Did you mean kept?')
    expect(await refused('passages', '--force', 'kept')).toContain('not needed by what was chosen')
    expect(await refused('--reobserve', 'kept')).toContain('asks no language model. --force kept')
    expect(existsSync(join(project.folder, '.queryloom/runs'))).toBe(false)
    expect(server.requests.length).toBe(0)
  })

  test('of nodes of a sweep may leave axes out', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url))
    const axes = 'sweep: { axes: { density: [1, 2], fraction: [0.5, 1.0] } }\n'
    project.write('pipeline.yaml', smallPipeline(server.url) + axes)
    const some = await project.json<PlanJson>('plan', 'pipeline.yaml', 'queries[density=2]')
    expect(some.nodes.map(({ id }) => id)).toEqual([
      'passages[fraction=0.5]',
      'passages[fraction=1]',
      'queries[density=2,fraction=0.5]',
      'queries[density=2,fraction=1]',
    ])
    const one = await project.json<PlanJson>('plan', 'pipeline.yaml', 'queries[fraction=0.5,density=1]')
    expect(one.nodes.map(({ id }) => id)).toEqual(['passages[fraction=0.5]', 'queries[density=1,fraction=0.5]'])
    expect(one.totals).toMatchObject({ requests: 20 })
    const stage = await project.json<PlanJson>('plan', 'pipeline.yaml', 'queries')
    // 20 or 40 passages, one or two requests for each; the larger of all contains the others.
    expect(stage.nodes.reduce((sum, { estimate }) => sum + estimate.requests, 0)).toBe(20 + 40 + 40 + 80)
    expect(stage.totals).toMatchObject({ requests: 80, cached_requests: 0 })
  })

  test('--dry-run tells what plan tells, and leaves no run behind', async () => {
    const { project, sent } = await started()
    const before = readdirSync(join(project.folder, '.queryloom/runs'))
    const words = ['pipeline.yaml', 'scores', '--force', 'kept', '-p', 'density=3', '--json']
    const dry = await project.call('run', ...words, '--dry-run')
    expect(dry).toEqual(await project.call('plan', ...words))
    expect(dry.status).toBe(0)
    expect(readdirSync(join(project.folder, '.queryloom/runs'))).toEqual(before)
    expect(sent()).toBe(0)
  })
})

describe('--force', () => {
  test('executes again without a request, and what follows is cut off where the bytes are the same', async () => {
    const { project, sent } = await started()
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '--force', 'queries', '--force', 'data')
    const decided = Object.fromEntries(plan.nodes.map(({ id, decision, reasons }) => [id, { decision, reasons }]))
    expect(decided.queries).toEqual({ decision: 'run', reasons: [{ kind: 'forced' }] })
    // It will run whatever comes before it.
    expect(decided.data).toEqual({ decision: 'run', reasons: [{ kind: 'forced' }] })
    expect(decided.kept?.decision).toBe('pending')
    expect(plan.totals).toMatchObject({ requests: 0, cached_requests: REQUESTS })

    const run = await project.run('pipeline.yaml', '--force', 'queries', '--force', 'data')
    expect(run.executed).toEqual(['data', 'queries'])
    expect(run.restored.sort()).toEqual(['kept', 'lines', 'passages', 'retriever', 'scores'])
    expect(reasonsOf(run, 'queries')).toEqual(['forced'])
    expect(run.finished.requests).toEqual({ sent: 0, cached: REQUESTS, failed: 0 })
    expect(sent()).toBe(0)
    const [explained] = await project.json<{ record: { run: string } }[]>('explain', 'pipeline.yaml', 'queries')
    expect(run.events[0]).toMatchObject({ run: explained?.record.run })
  })

  test('names its reasons beside those that there are anyway', async () => {
    const { project } = await started()
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '--force', 'kept', '-p', 'minimum=2')
    const kept = plan.nodes.find(({ id }) => id === 'kept')
    expect(kept?.reasons.map(({ kind }) => kind)).toEqual(['forced', 'option'])
  })
})

describe('--reobserve', () => {
  test('asks for every row again, exactly once; from then on the new answers count, and nothing else asks', async () => {
    const { server, project, sent } = await started(differently)
    expect(pairsOf(project)).not.toContain('again')
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '--reobserve', 'queries')
    expect(plan.totals).toMatchObject({ requests: REQUESTS, cached_requests: 0 })
    const run = await project.run('pipeline.yaml', '--reobserve', 'queries')
    expect(reasonsOf(run, 'queries')).toEqual(['reobserved'])
    expect(run.finished.requests).toEqual({ sent: REQUESTS, cached: 0, failed: 0 })
    expect(sent()).toBe(REQUESTS)
    expect(new Set(server.requests.slice(REQUESTS).map(({ before }) => before))).toEqual(new Set([1]))
    const observed = pairsOf(project)
    expect(observed.match(/again/g)).toHaveLength(REQUESTS)
    expect(run.executed).toContain('kept')

    const calm = await project.run('pipeline.yaml')
    expect(calm.finished.nodes).toMatchObject({ executed: 0, cached: 7 })
    const forced = await project.run('pipeline.yaml', '--force', 'queries')
    expect(forced.executed).toEqual(['queries'])
    expect(pairsOf(project)).toBe(observed)
    const more = await project.run('pipeline.yaml', '-p', 'density=3', 'queries')
    expect(more.finished.requests).toEqual({ sent: 20, cached: REQUESTS, failed: 0 })
    expect(pairsOf(project).match(/again/g)).toHaveLength(REQUESTS)
    expect(sent()).toBe(20)

    // A round that came to its end is over: the next one asks for everything once more.
    const third = await project.run('pipeline.yaml', '--reobserve', 'queries')
    expect(third.finished.requests.sent).toBe(REQUESTS)
    expect(pairsOf(project).match(/again again/g)).toHaveLength(REQUESTS)
  })

  test('asks once for rows that nodes of a sweep share', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url))
    project.write('pipeline.yaml', `${smallPipeline(server.url)}sweep: { axes: { density: [1, 2, 3] } }\n`)
    await project.run('pipeline.yaml', 'queries')
    expect(server.requests.length).toBe(60)
    const flags = ['queries', '--reobserve', 'queries[density=1]', '--reobserve', 'queries[density=2]']
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', ...flags)
    expect(plan.totals).toMatchObject({ requests: 40, cached_requests: 0 })
    const run = await project.run('pipeline.yaml', ...flags, '-j', '1')
    expect(run.executed).toEqual(['queries[density=1]', 'queries[density=2]'])
    expect(server.requests.length).toBe(60 + 40)
  })

  test('after a kill goes on where it was: what was asked again is not paid for a third time', async () => {
    let asked = 0
    let onHeld = (): void => {}
    const held = new Promise<void>((resolve) => {
      onHeld = resolve
    })
    const server = await fakeOpenai((request): Reaction | Promise<Reaction> => {
      asked++
      // Of the second pass 15 are answered; those in flight after that wait until the engine is killed.
      if (asked <= REQUESTS + 15 || asked > REQUESTS + 15 + 4) return differently(request)
      if (asked === REQUESTS + 15 + 4) onHeld()
      return new Promise<Reaction>(() => {})
    })
    const project = new Project(smallProject(server.url))
    await project.run('pipeline.yaml')
    const calm = pairsOf(project)
    const child = project.start('run', 'pipeline.yaml', '--reobserve', 'queries')
    const end = ended(child)
    await held
    child.kill('SIGKILL')
    await end
    // A run that does not ask for it serves what was complete.
    expect((await project.run('pipeline.yaml')).executed).toEqual([])
    expect(pairsOf(project)).toBe(calm)

    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '--reobserve', 'queries')
    expect(plan.totals).toMatchObject({ requests: REQUESTS - 15, cached_requests: 15 })
    const before = server.requests.length
    const rest = await project.run('pipeline.yaml', '--reobserve', 'queries')
    expect(server.requests.length - before).toBe(REQUESTS - 15)
    expect(rest.finished.requests).toEqual({ sent: REQUESTS - 15, cached: 15, failed: 0 })
    expect(rest.events).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringMatching(/goes on/) }),
    )
    expect(readdirSync(join(project.folder, '.queryloom/reobserve'))).toEqual([])
    expect(pairsOf(project)).not.toBe(calm)
    const again = await project.json<PlanJson>('plan', 'pipeline.yaml', '--reobserve', 'queries')
    expect(again.totals).toMatchObject({ requests: REQUESTS, cached_requests: 0 })
  })
})
