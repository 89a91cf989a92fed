import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openStore } from '../../cache/store.ts'
import { seededRandom } from '../../engine/util/seeded-random.ts'
import { type HereReport, runHere } from '../rig/run-here.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { type DagStage, dagYaml, modelRun, randomDag } from './random-dag.ts'

const SOAK = process.env.QUERYLOOM_SOAK === '1'
const GRAPHS = SOAK ? 60 : 5
const FAULTY = SOAK ? 60 : 6
/** For one graph, on a machine that has others to serve first. */
const GRAPH_MS = 60_000

afterEach(() => {
  delete process.env.TALLY
})

/** A project with a made-up pipeline, and a folder of tallies that its commands write to. */
function project(stages: readonly DagStage[], files: { readonly [name: string]: string }): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, '.queryloom'))
  write(folder, { ...files, 'pipeline.yaml': dagYaml(stages) })
  process.env.TALLY = temporaryFolder()
  return folder
}

function write(folder: string, files: { readonly [name: string]: string }): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
}

/** How often each piece of work was begun, most first. */
function tallies(): number[] {
  const folder = process.env.TALLY!
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n').length)
    .sort((a, b) => b - a)
}

/** Key and output digests of every node: equal digests are equal bytes. */
function made({ records }: HereReport): { [node: string]: unknown } {
  return Object.fromEntries(
    Object.entries(records).map(([node, { key, outputs }]) => [node, { key, out: outputs.out?.digest }]),
  )
}

test(
  `one slot, sixteen, and sixteen in a shuffled order make the same bytes under the same keys (${GRAPHS} random graphs)`,
  async () => {
    for (let seed = 1; seed <= GRAPHS; seed++) {
      const random = seededRandom(seed)
      const stages = randomDag(random, 14)
      const files = { 'x.txt': `x ${seed}\n`, 'y.txt': 'y\ny\n' }
      const alone = await runHere(project(stages, files), { jobs: 1 })
      expect(alone.finished.status, `seed ${seed}`).toBe('ok')
      const expected = made(alone)
      const once = tallies()
      expect(new Set(once), `seed ${seed}: a piece of work was done twice`).toEqual(new Set([1]))
      for (const seconds of [() => 1, () => random.below(1000)]) {
        const other = await runHere(project(stages, files), { jobs: 16, seconds })
        expect(made(other), `seed ${seed}`).toEqual(expected)
        expect(tallies(), `seed ${seed}: a piece of work was done twice`).toEqual(once)
      }
    }
  },
  GRAPHS * GRAPH_MS,
)

test(
  `failures, retries, cut-offs and reruns end as a model of the engine says (${FAULTY} random graphs)`,
  async () => {
    const seen = { failed: 0, skipped: 0, retried: 0, cutOff: 0 }
    for (let seed = 101; seed <= 100 + FAULTY; seed++) {
      const random = seededRandom(seed)
      const stages = randomDag(random, 12, 4)
      let files: { [name: string]: string } = { 'x.txt': 'x\n', 'y.txt': `${seed}\n` }
      const folder = project(stages, files)
      const earlier = { done: new Set<string>(), tried: new Map<string, number>() }
      for (let turn = 0; turn < 4; turn++) {
        if (turn === 2) files = { ...files, 'x.txt': 'other\n' }
        if (turn === 3) files = { ...files, 'y.txt': `${seed}\nand more\n` }
        write(folder, files)
        const expected = modelRun(stages, files, earlier)
        const run = await runHere(folder, { jobs: 1 + random.below(16), seconds: () => random.below(100) })
        const where = `seed ${seed}, turn ${turn}`
        expect({ where, failed: run.failed, skipped: run.skipped }).toEqual({
          where,
          failed: expected.failed.sort(),
          skipped: expected.skipped.sort(),
        })
        expect(await outputs(folder, run), where).toEqual(expected.outputs)
        for (const [work, attempts] of Object.entries(expected.attempts))
          earlier.tried.set(work, (earlier.tried.get(work) ?? 0) + attempts)
        earlier.done = expected.done
        expect(tallies(), where).toEqual([...earlier.tried.values()].sort((a, b) => b - a))
        seen.failed += run.failed.length
        seen.skipped += run.skipped.length
        seen.retried += run.events.filter(({ type }) => type === 'node-retried').length
        seen.cutOff += run.events.filter((event) => event.type === 'node-restored' && event.cutOff).length
      }
    }
    // What never happened was not tested.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0)
  },
  FAULTY * GRAPH_MS,
)

/** The text of every node's output, read from the store, which must hold it whole. */
async function outputs(folder: string, { records }: HereReport): Promise<{ [stage: string]: string }> {
  const store = await openStore(join(folder, '.queryloom'))
  const texts: { [stage: string]: string } = {}
  for (const [node, record] of Object.entries(records)) {
    const file = record.outputs.out?.files[0]
    const place = file && (await store.blobs.verified(file.blob))
    if (place === undefined) throw new Error(`${node} has no output`)
    texts[node] = readFileSync(place, 'utf8')
  }
  await store.close()
  return texts
}
