import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { SMALL_PROMPT, smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

interface PlanJson {
  nodes: {
    id: string
    decision: string
    reasons: { kind: string; path?: string; diff?: string }[]
    estimate: { requests: number; cached_requests: number; exact: boolean }
  }[]
  totals: { requests: number; cached_requests: number; run: number; pending: number; cached: number }
}

const GENERATE_AND_AFTER = ['data', 'kept', 'lines', 'queries', 'retriever', 'scores']

async function started(): Promise<{ project: Project; sent: () => number; url: string }> {
  const server = await fakeOpenai(writtenBy)
  const project = new Project(smallProject(server.url))
  const first = await project.run('pipeline.yaml')
  expect(first.stderr).toBe('')
  expect(first.finished).toMatchObject({ status: 'ok', nodes: { executed: 7, cached: 0 }, requests: { sent: 40 } })
  let before = server.requests.length
  expect(before).toBe(40)
  const sent = (): number => {
    const now = server.requests.length - before
    before = server.requests.length
    return now
  }
  return { project, sent, url: server.url }
}

function planned(plan: PlanJson, id: string): PlanJson['nodes'][number] {
  const node = plan.nodes.find((one) => one.id === id)
  if (!node) throw new Error(`no node ${id}`)
  return node
}

describe('what changes nothing executes nothing', () => {
  test('comments, key order, touched inputs, concurrency, another folder', async () => {
    const { project, sent, url } = await started()
    const nothing = async (why: string): Promise<void> => {
      const run = await project.run('pipeline.yaml')
      expect({ why, ...run.finished.nodes }).toMatchObject({ why, executed: 0, cached: 7, failed: 0 })
      expect({ why, sent: sent(), children: run.finished.children }).toEqual({ why, sent: 0, children: 0 })
    }
    await nothing('again')

    const text = smallPipeline(url)
    const [head, stages = ''] = text.split('stages:\n')
    const blocks = stages.split(/^(?= {2}\w)/m)
    project.write('pipeline.yaml', `# a comment\n${head}stages:\n${blocks.reverse().join('  # another\n')}`)
    await nothing('comments and the order of stages')

    project.write('pipeline.yaml', text.replace('concurrency: 4', 'concurrency: 32'))
    await nothing('another concurrency')

    const now = new Date()
    for (const path of ['data/corpus.jsonl', 'data/queries.jsonl', 'prompt.yaml']) {
      utimesSync(join(project.folder, path), now, now)
    }
    await nothing('touched inputs')

    project.write('prompt.yaml', `# words that the model never sees\n${SMALL_PROMPT}`)
    await nothing('a comment in the prompt')

    const parent = mkdtempSync(join(tmpdir(), 'queryloom-moved-'))
    const moved = join(parent, 'elsewhere')
    renameSync(project.folder, moved)
    cpSync(moved, join(parent, 'copied'), { recursive: true })
    try {
      project.folder = moved
      await nothing('a moved folder')
      project.folder = join(parent, 'copied')
      await nothing('a copied folder')
    } finally {
      rmSync(parent, { recursive: true })
    }
  })

  test('a renamed stage', async () => {
    const { project, url } = await started()
    project.write(
      'pipeline.yaml',
      smallPipeline(url).replaceAll('stages.kept', 'stages.sieve').replace('  kept:', '  sieve:'),
    )
    const run = await project.run('pipeline.yaml')
    expect(run.finished.nodes).toMatchObject({ executed: 0, cached: 7 })
  })
})

describe('what changes executes exactly what it must, and the plan says so beforehand', () => {
  test('an edited prompt, and back', async () => {
    const { project, sent } = await started()
    project.write('prompt.yaml', SMALL_PROMPT.replace('Search query', 'Question'))
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml')
    expect(planned(plan, 'passages').decision).toBe('cached')
    const queries = planned(plan, 'queries')
    expect(queries).toMatchObject({ decision: 'run', estimate: { requests: 40, cached_requests: 0, exact: true } })
    expect(queries.reasons).toHaveLength(1)
    expect(queries.reasons[0]).toMatchObject({ kind: 'option', path: 'prompt/template' })
    expect(queries.reasons[0]?.diff).toContain('-Search query:')
    expect(queries.reasons[0]?.diff).toContain('+Question:')
    for (const id of ['kept', 'data', 'retriever', 'scores', 'lines'])
      expect(planned(plan, id).decision).toBe('pending')

    const edited = await project.run('pipeline.yaml')
    expect(edited.executed).toEqual(expect.arrayContaining(['queries', 'kept']))
    expect(edited.restored).toContain('passages')
    expect(GENERATE_AND_AFTER).toEqual(
      [...edited.executed, ...edited.restored].filter((id) => id !== 'passages').sort(),
    )
    expect(sent()).toBe(40)

    project.write('prompt.yaml', SMALL_PROMPT)
    const back = await project.run('pipeline.yaml')
    expect(back.finished.nodes).toMatchObject({ executed: 0, cached: 7 })
    expect(sent()).toBe(0)
  })

  test('what a node asks is remembered, and made again where the memo is damaged or gone', async () => {
    const { project, sent } = await started()
    const folder = join(project.folder, '.queryloom/memos')
    const again = async (): Promise<void> => {
      const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '--force', 'queries')
      expect(planned(plan, 'queries').estimate).toMatchObject({ requests: 0, cached_requests: 40, exact: true })
      const run = await project.run('pipeline.yaml', '--force', 'queries')
      // The same bytes: what follows is cut off.
      expect(run.finished.nodes).toMatchObject({ executed: 1, failed: 0 })
      expect(run.finished.requests).toEqual({ sent: 0, cached: 40, failed: 0 })
    }
    const names = readdirSync(folder)
    expect(names.length).toBe(1)
    const path = join(folder, names[0] as string)
    const whole = readFileSync(path)
    await again()
    expect(readFileSync(path).equals(whole)).toBe(true)
    writeFileSync(path, whole.subarray(0, -1))
    await again()
    expect(readFileSync(path).equals(whole)).toBe(true)
    rmSync(folder, { recursive: true })
    await again()
    expect(readFileSync(path).equals(whole)).toBe(true)
    expect(sent()).toBe(0)
  })

  test('a density of 3 instead of 2 sends exactly a third of the requests', async () => {
    const { project, sent } = await started()
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '-p', 'density=3')
    expect(planned(plan, 'queries').estimate).toMatchObject({ requests: 20, cached_requests: 40, exact: true })
    expect(plan.totals).toMatchObject({ requests: 20, cached_requests: 40 })
    const run = await project.run('pipeline.yaml', '-p', 'density=3')
    expect(run.finished.requests).toEqual({ sent: 20, cached: 40, failed: 0 })
    expect(sent()).toBe(20)
  })

  test('a fraction of 1 instead of 0.5 sends exactly the new half, known before the sample is drawn', async () => {
    const { project, sent } = await started()
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '-p', 'fraction=1.0')
    expect(planned(plan, 'passages').decision).toBe('run')
    expect(planned(plan, 'queries')).toMatchObject({
      decision: 'pending',
      estimate: { requests: 40, cached_requests: 40, exact: true },
    })
    const run = await project.run('pipeline.yaml', '-p', 'fraction=1.0')
    expect(run.finished.requests).toEqual({ sent: 40, cached: 40, failed: 0 })
    expect(sent()).toBe(40)
  })

  test('a filter option that keeps the same rows is run, and what follows is cut off and counts as cached', async () => {
    const { project } = await started()
    const plan = await project.json<PlanJson>('plan', 'pipeline.yaml', '-p', 'minimum=2')
    expect(planned(plan, 'kept')).toMatchObject({ decision: 'run', reasons: [{ kind: 'option', old: 1, new: 2 }] })
    for (const id of ['data', 'lines', 'retriever', 'scores']) expect(planned(plan, id).decision).toBe('pending')
    const run = await project.run('pipeline.yaml', '-p', 'minimum=2')
    expect(run.executed).toEqual(['kept'])
    expect(run.finished.nodes).toMatchObject({ executed: 1, cached: 6 })
    const cutOff = run.events.filter((event) => event.type === 'node-restored' && event.cutOff)
    expect(cutOff.map((event) => (event as { node: string }).node).sort()).toEqual([
      'data',
      'lines',
      'retriever',
      'scores',
    ])
  })
})
