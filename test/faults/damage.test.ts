import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../cache/store.ts'
import { seededRandom } from '../../engine/util/seeded-random.ts'
import { type FakeOpenai, fakeOpenai } from '../rig/fake-openai.ts'
import { ended, Project } from '../rig/project.ts'
import { runHere } from '../rig/run-here.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { filesBelow } from './campaign.ts'

const SOAK = process.env.QUERYLOOM_SOAK === '1'
/** Damages tried of each kind of state file. */
const SAMPLES = SOAK ? 150 : 4
/** For a damage of each kind, on a machine that has others to serve first. */
const SAMPLE_MS = 450_000
const ROWS = 12

const pipeline = (endpoint: string, pause: string): string => `version: 1
name: small
datasets: { d: { source: data } }
models: { writer: { endpoint: "${endpoint}", model: test-model } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", fraction: 0.5, seed: 7 } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${models.writer}", prompt: prompt.yaml, per_passage: 2, concurrency: 4 }
  kept: { uses: filter, with: { pairs: "\${stages.queries.pairs}", steps: [{ length: { min_words: 2 } }] } }
  lines:
    uses: command
    with: { run: "wc -l < kept/pairs.jsonl > out.txt${pause}", inputs: { kept: "\${stages.kept.pairs}" }, outputs: { out: out.txt } }
  more:
    uses: command
    with: { run: "cat lines > out.txt; mkdir sub; cp lines sub/a", inputs: { lines: "\${stages.lines.out}" }, outputs: { out: out.txt, sub: sub/ } }
`

/** A project whose store holds everything that a store can: a finished run, and what a killed one left. */
async function usedProject(server: FakeOpenai): Promise<{ folder: string; outputs: { [path: string]: string } }> {
  const project = new Project({
    ...smallProject(server.url, ROWS),
    'pipeline.yaml': pipeline(server.url, ''),
    // A project with a store of its own, wherever it is copied to.
    '.queryloom/.gitignore': '*\n',
  })
  await project.run('pipeline.yaml')
  const outputs = filesBelow(join(project.folder, 'out'))
  project.write('pipeline.yaml', pipeline(server.url, '; touch ../started; sleep 60'))
  const child = project.start('run', 'pipeline.yaml', '--json')
  const end = ended(child)
  const children = join(project.folder, '.queryloom/children')
  while (!existsSync(children) || readdirSync(children).length === 0) await new Promise((tick) => setTimeout(tick, 20))
  child.kill('SIGKILL')
  await end
  project.write('pipeline.yaml', pipeline(server.url, ''))
  return { folder: project.folder, outputs }
}

/** State files by what they are for, in a fixed order. */
function stateFiles(folder: string): Map<string, string[]> {
  const store = join(folder, '.queryloom')
  const kinds = new Map<string, string[]>()
  for (const entry of readdirSync(store, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = relative(store, join(entry.parentPath, entry.name))
    const [top = ''] = path.split('/')
    const kind = top === 'runs' ? basename(path) : top
    kinds.set(kind, [...(kinds.get(kind) ?? []), path].sort())
  }
  return kinds
}

type Damage = { cut: number } | { flip: number; bit: number } | { zeros: number }

function damage(path: string, how: Damage): void {
  const bytes = readFileSync(path)
  let after: Buffer
  if ('cut' in how) after = bytes.subarray(0, how.cut)
  else if ('zeros' in how) after = Buffer.concat([bytes.subarray(0, how.zeros), Buffer.alloc(bytes.length - how.zeros)])
  else {
    after = Buffer.from(bytes)
    after[how.flip]! ^= 1 << how.bit
  }
  rmSync(path)
  writeFileSync(path, after, { mode: statSync(join(path, '..')).mode & 0o666 })
}

function copyOf(folder: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'queryloom-damage-'))
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

test(
  'any state file cut, flipped or zeroed anywhere: the next run makes the same bytes and pays for nothing twice',
  async () => {
    const server = await fakeOpenai(writtenBy)
    const { folder, outputs } = await usedProject(server)
    const kinds = stateFiles(folder)
    const expectedKinds = [
      'actions.log',
      'blobs',
      'children',
      'events.jsonl',
      'preimages.log',
      'rows',
      'staging',
      'stat-memo.log',
      'store.json',
      'views',
    ]
    expect([...kinds.keys()]).toEqual(expect.arrayContaining(expectedKinds))
    const random = seededRandom(11)
    const tally: { [kind: string]: number } = {}
    for (const [kind, paths] of kinds) {
      for (let sample = 0; sample < SAMPLES; sample++) {
        const path = paths[random.below(paths.length)]!
        const { size } = statSync(join(folder, '.queryloom', path))
        if (size === 0) continue
        const at = random.below(size)
        const how: Damage = [{ cut: at }, { flip: at, bit: random.below(8) }, { flip: at, bit: 0 }, { zeros: at }][
          sample % 4
        ]!
        const copy = copyOf(folder)
        damage(join(copy, '.queryloom', path), how)
        // Rows are only looked for when the results made from them are gone.
        const unrecorded = kind === 'rows' || random.below(4) === 0
        if (unrecorded) rmSync(join(copy, '.queryloom/actions.log'), { force: true })
        const before = server.requests.length
        const run = await runHere(copy)
        const where = `${path} ${JSON.stringify(how)}${unrecorded ? ', no results' : ''}`
        expect({ where, status: run.finished.status, failed: run.failed }).toEqual({ where, status: 'ok', failed: [] })
        expect(filesBelow(join(copy, 'out')), where).toEqual(outputs)
        const paid = server.requests.length - before
        expect(paid, where).toBeLessThanOrEqual(kind !== 'rows' ? 0 : 'flip' in how ? 1 : ROWS)
        if (!unrecorded && kind === 'blobs') expect(run.executed.length, where).toBeLessThanOrEqual(2)
        if (!unrecorded && !['actions.log', 'blobs'].includes(kind)) expect(run.executed, where).toEqual([])
        const again = await runHere(copy)
        expect({ where, executed: again.executed }).toEqual({ where, executed: [] })
        rmSync(copy, { recursive: true })
        tally[kind] = (tally[kind] ?? 0) + 1
      }
    }
    console.log(`damages tried: ${JSON.stringify(tally)}`)
  },
  SAMPLES * SAMPLE_MS,
)

test('every bit of the files that say what the store is may flip: it is opened, and no other queryloom asked for', async () => {
  const server = await fakeOpenai(writtenBy)
  const { folder } = await usedProject(server)
  const key = (await runHere(folder)).records.queries?.key
  for (const [name, end] of [
    ['store.json', Number.POSITIVE_INFINITY],
    ['actions.log', 30],
    ['preimages.log', 30],
  ] as const) {
    const path = join(folder, '.queryloom', name)
    const bytes = readFileSync(path)
    for (let at = 0; at < Math.min(bytes.length, end); at++) {
      for (let bit = 0; bit < 8; bit++) {
        damage(path, { flip: at, bit })
        const store = await openStore(join(folder, '.queryloom'))
        expect(store.actions.find(key!).length, `${name}, byte ${at}, bit ${bit}`).toBe(1)
        await store.close()
        writeFileSync(path, bytes)
      }
    }
  }
}, 600_000)
