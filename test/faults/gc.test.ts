import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore, type Store } from '../../cache/store.ts'
import { collect } from '../../engine/upkeep/collect.ts'
import { verifyStore } from '../../engine/upkeep/verify.ts'
import { seededRandom } from '../../engine/util/seeded-random.ts'
import { Project } from '../rig/project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const LOOP_MS = process.env.QUERYLOOM_SOAK === '1' ? 300_000 : 30_000
/** Stands for the hour for which what was just stored or used is left alone, in runs: one must be over well before. */
const GRACE_RUNS = 8
const LEAST_GRACE_MS = 5_000
/** So many that most are not used again before they are too old, however fast the machine is. */
const VALUES = 40

const PIPELINE = `version: 1
name: loop
params: { k: 0 }
stages:
  one: { uses: command, with: { run: "echo \${params.k} | cat - in > out.txt", inputs: { in: words.txt }, outputs: { out: out.txt } } }
  two: { uses: command, with: { run: "cat in in > out.txt; mkdir many; for i in 1 2 3; do echo $i > many/$i; done", inputs: { in: "\${stages.one.out}" }, outputs: { out: out.txt, many: many/ } } }
  three: { uses: command, with: { run: "cat in many/3 > out.txt", inputs: { in: "\${stages.two.out}", many: "\${stages.two.many}" }, outputs: { out: out.txt } } }
`
const expected = (k: number): string => `${`${k}\nword\n`.repeat(2)}3\n`

interface Tally {
  runs: number
  executed: number
}

/** Runs the pipeline with one value after another, as somebody who tries things does. */
async function engine(project: Project, home: string, seed: number, until: number): Promise<Tally> {
  const random = seededRandom(seed)
  const tally: Tally = { runs: 0, executed: 0 }
  while (Date.now() < until) {
    const k = random.below(VALUES)
    const run = await project.run('loop.yaml', '--home', home, '-p', `k=${k}`)
    const said = run.events.filter(({ type }) => type === 'node-failed' || type === 'warning')
    expect({ status: run.finished.status, said }).toEqual({ status: 'ok', said: [] })
    const shown = readFileSync(join(project.folder, 'out/loop/three/out/out.txt'), 'utf8')
    expect(shown).toBe(expected(k))
    tally.runs++
    tally.executed += run.executed.length
  }
  return tally
}

/** Collects as soon as the last collection is done; what is not needed at that moment is too old to stay. */
async function collector(
  store: Store,
  graceMs: number,
  until: number,
): Promise<{ collections: number; blobs: number; forgotten: number }> {
  const tally = { collections: 0, blobs: 0, forgotten: 0 }
  while (Date.now() < until) {
    const rules = { now: Date.now(), keepMs: 0, maxBytes: 0, graceMs, dryRun: false }
    const { freed, forgotten } = await collect(store, rules)
    tally.collections++
    tally.blobs += freed.blobs.count
    tally.forgotten += forgotten.length
    await new Promise(setImmediate)
  }
  return tally
}

test(`collecting in a loop beside two engines for ${LOOP_MS / 1000} s or more: nothing needed is removed, the outputs are right`, async () => {
  const home = join(temporaryFolder(), 'store')
  const files = { 'loop.yaml': PIPELINE, 'words.txt': 'word\n' }
  const projects = [new Project(files), new Project(files)]
  const began = performance.now()
  const locked = await projects[0]!.run('loop.yaml', '--home', home, '-p', 'k=locked')
  const graceMs = Math.max(LEAST_GRACE_MS, GRACE_RUNS * (performance.now() - began))
  const keys = locked.events.flatMap((event) => (event.type === 'node-finished' ? [event.key] : []))
  writeFileSync(join(projects[0]!.folder, 'theirs.lock'), keys.map((key, i) => `${i}: ${key}`).join('\n'))
  await projects[1]!.run('loop.yaml', '--home', home, '-p', 'k=tagged')
  await projects[1]!.call('cache', 'tag', 'kept', 'loop.yaml', '--home', home)

  const until = Date.now() + Math.max(LOOP_MS, 5 * graceMs)
  const store = await openStore(home)
  const [a, b, collected] = await Promise.all([
    engine(projects[0]!, home, 1, until),
    engine(projects[1]!, home, 2, until),
    collector(store, graceMs, until),
  ])
  console.log(`engines: ${JSON.stringify([a, b])}, collector: ${JSON.stringify(collected)}`)
  expect(Math.min(a.runs, b.runs)).toBeGreaterThan(1)
  expect(Math.min(collected.forgotten, collected.blobs)).toBeGreaterThan(0)
  for (const k of ['locked', 'tagged']) {
    const again = await projects[0]!.run('loop.yaml', '--home', home, '-p', `k=${k}`)
    expect({ k, executed: again.executed }).toEqual({ k, executed: [] })
  }
  expect(await verifyStore(store)).toMatchObject({ isDamaged: false })
  await store.close()
}, 600_000)

test('a collection killed at any time leaves nothing that a run stumbles over', async () => {
  const project = new Project({ 'loop.yaml': PIPELINE, 'words.txt': 'word\n', '.queryloom/.gitignore': '*\n' })
  const random = seededRandom(5)
  const kills = process.env.QUERYLOOM_SOAK === '1' ? 60 : 4
  for (let n = 0; n < kills; n++) {
    await project.run('loop.yaml', '-p', `k=${n}`)
    const program = `
      const { openStore } = await import(${JSON.stringify(join(process.cwd(), 'dist/cache/store.js'))})
      const { collect } = await import(${JSON.stringify(join(process.cwd(), 'dist/engine/upkeep/collect.js'))})
      const store = await openStore('.queryloom')
      for (;;) await collect(store, { now: Date.now() + 10 * 3600_000, keepMs: 0, maxBytes: 0, graceMs: 3600_000, dryRun: false })`
    const { spawnSync } = await import('node:child_process')
    const killed = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: project.folder,
      timeout: 150 + random.below(150),
      killSignal: 'SIGKILL',
    })
    expect(killed.signal).toBe('SIGKILL')
    const run = await project.run('loop.yaml', '-p', `k=${n}`)
    expect({ n, status: run.finished.status }).toEqual({ n, status: 'ok' })
    expect(readFileSync(join(project.folder, 'out/loop/three/out/out.txt'), 'utf8')).toBe(expected(n))
    expect(await project.call('cache', 'verify')).toMatchObject({ status: 0 })
  }
}, 600_000)
