import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { ended, Project } from '../../rig/project.ts'
import type { Cluster } from '../../rig/slurm.ts'
import { isAlive, parentOf, waitFor } from '../../rig/wait-for.ts'

const BINARY = join(packageRoot, 'test/stages/models/fake-server.mjs')
const sha256 = createHash('sha256').update('weights').digest('hex')

/** Tasks that run at once: two cards on each of two nodes. */
const AT_ONCE = 4
const SLOTS = 4

/**
 * A generation of so many queries by a stand-in for vLLM that wants a card and notes what it is asked; each server holds
 * what comes after so many answers until the file `gate` is there.
 */
function project(passages: number, profile: string, holdAfter = passages): Project {
  const corpus = Array.from({ length: passages }, (_, i) =>
    JSON.stringify({ _id: `p${i}`, title: '', text: `passage ${i} tells of something` }),
  )
  const made = new Project({
    'p.yaml': `version: 1
datasets: { d: { source: data } }
models:
  big:
    serve: vllm
    source: weights
    sha256: ${sha256}
    binary: ${BINARY}
    slots: ${SLOTS}
    args: { request-log: FOLDER/asked, delay: 20, gate: FOLDER/gate, hold-after: ${holdAfter} }
stages:
  passages: { uses: sample-corpus, executor: local, with: { dataset: "\${datasets.d}", strategy: all } }
  queries:
    uses: generate
    resources: { memory: 700MiB }
    with: { passages: "\${stages.passages.passages}", model: "\${models.big}", prompt: prompt.yaml }
`,
    'prompt.yaml': 'mode: completion\nuser: "Passage: {{text}}\\nQuery:"\n',
    weights: 'weights',
    'data/corpus.jsonl': `${corpus.join('\n')}\n`,
  })
  made.write('p.yaml', readFileSync(join(made.folder, 'p.yaml'), 'utf8').replaceAll('FOLDER', made.folder))
  const note = `echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES" >>${join(made.folder, 'tasks')}`
  made.write('cluster.yaml', `${profile}shards: 8\nbefore: ['${note}']\n`)
  return made
}

/** The lines of a file that were written to their end. */
const lines = (made: Project, file: string): string[] =>
  existsSync(join(made.folder, file)) ? readFileSync(join(made.folder, file), 'utf8').split('\n').slice(0, -1) : []
const asked = (made: Project): { asked: string; cards: string; pid: number }[] =>
  lines(made, 'asked').map((line) => JSON.parse(line))

/** Tests of generation in shards on a cluster with the profile. */
export function shardsOnSlurm(cluster: Cluster, profile: string): void {
  test('gives each of eight tasks a server and a card of its own, and asks for each row once', async () => {
    // Tasks are started by the Node that the profile names, as stages are.
    const made = project(320, profile)
    const wrapper = join(made.folder, 'node.sh')
    made.write('node.sh', `#!/bin/sh\necho "$1 $2" >>${join(made.folder, 'programs')}\nexec ${process.execPath} "$@"\n`)
    chmodSync(wrapper, 0o755)
    made.write('cluster.yaml', `${readFileSync(join(made.folder, 'cluster.yaml'), 'utf8')}node: ${wrapper}\n`)
    const run = await made.run('p.yaml', '--profile', 'cluster.yaml')
    expect(run.stderr).toBe('')
    expect(run.finished).toMatchObject({ status: 'ok', requests: { sent: 320, cached: 0, failed: 0 } })
    const all = asked(made)
    expect(new Set(all.map((one) => one.asked)).size).toBe(320)
    expect(all).toHaveLength(320)
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(8)
    // Two cards on each of two nodes: the first four tasks have all of them.
    const tasks = lines(made, 'tasks')
    expect(tasks).toHaveLength(8)
    expect(tasks.slice(0, 4).sort()).toEqual(['n1 0', 'n1 1', 'n2 0', 'n2 1'])
    for (const { cards } of all) expect(['0', '1']).toContain(cards)
    const task = `${join(packageRoot, 'dist/engine/run/stage-task.js')} generate`
    expect(lines(made, 'programs')).toEqual(Array.from({ length: 8 }, () => task))
    expect(cluster.jobs()).toEqual([])
    expect(all.map(({ pid }) => pid).filter(isAlive)).toEqual([])
    expect(readdirSync(join(made.folder, '.queryloom/slurm/shards'))).toEqual(['claims'])
    // Where rows were asked for is no part of any key.
    expect((await made.run('p.yaml')).finished).toMatchObject({ nodes: { executed: 0, cached: 2 } })
  })

  test('goes on where SIGKILL of queryloom and of a task has left it', async () => {
    const made = project(320, profile, 12)
    const first = made.start('run', 'p.yaml', '--profile', 'cluster.yaml')
    await waitFor(() => asked(made).length === AT_ONCE * (12 + SLOTS))
    process.kill(-first.pid!, 'SIGKILL')
    await ended(first)
    const jobs = cluster.jobs()
    expect(jobs.length).toBe(8)
    // A task is the parent of its server.
    const { pid } = asked(made).findLast((one) => isAlive(one.pid))!
    process.kill(parentOf(pid), 'SIGKILL')
    made.write('gate', '')
    const next = await made.run('p.yaml', '--profile', 'cluster.yaml')
    expect(next.finished).toMatchObject({ status: 'ok', requests: { failed: 0 } })
    const all = asked(made)
    expect(new Set(all.map((one) => one.asked)).size).toBe(320)
    // What one server held.
    expect(all.length).toBeLessThanOrEqual(320 + SLOTS)
    expect(cluster.jobs()).toEqual([])
    expect(readdirSync(join(made.folder, '.queryloom/slurm/shards'))).toEqual(['claims'])
  })

  test('ends its tasks with Ctrl-C, or leaves them to the next run where it is told to, and keeps what they were answered', async () => {
    const made = project(320, profile, 12)
    const run = made.start('run', 'p.yaml', '--profile', 'cluster.yaml')
    await waitFor(() => asked(made).length === AT_ONCE * (12 + SLOTS))
    run.kill('SIGINT')
    expect((await ended(run)).status).toBe(130)
    expect(cluster.jobs()).toEqual([])
    const before = asked(made).length

    const leaving = made.start('run', 'p.yaml', '--profile', 'cluster.yaml', '--leave-jobs')
    await waitFor(() => asked(made).length === before + AT_ONCE * (12 + SLOTS))
    leaving.kill('SIGINT')
    const left = await ended(leaving)
    expect(left.status).toBe(130)
    expect(left.stderr).toContain('jobs are left for the next run')
    expect(cluster.jobs().length).toBe(8)
    made.write('gate', '')

    const next = await made.run('p.yaml', '--profile', 'cluster.yaml')
    expect(next.finished).toMatchObject({ status: 'ok' })
    const { sent, cached } = next.finished.requests
    expect(sent + cached).toBe(320)
    expect(cached).toBeGreaterThan(0)
    const all = asked(made)
    expect(new Set(all.map((one) => one.asked)).size).toBe(320)
    // What was held when the first run's tasks were ended; those of the second went on.
    expect(all.length).toBeLessThanOrEqual(320 + AT_ONCE * SLOTS)
    expect(lines(made, 'tasks').length).toBeLessThanOrEqual(16)
    expect(cluster.jobs()).toEqual([])
  })
}
