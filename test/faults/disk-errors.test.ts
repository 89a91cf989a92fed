import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { type FakeOpenai, fakeOpenai } from '../rig/fake-openai.ts'
import { type Ended, Project } from '../rig/project.ts'
import { runHere } from '../rig/run-here.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { filesBelow, noProcessesOf } from './campaign.ts'

const SOAK = process.env.QUERYLOOM_SOAK === '1'
const HOOK = fileURLToPath(new URL('./fixtures/fs-hook.mjs', import.meta.url))
const MAIN = join(packageRoot, 'dist/engine/cli/main.js')
const ROWS = 12
const CONCURRENCY = 4

const files = (endpoint: string): { [path: string]: string } => ({
  ...smallProject(endpoint, ROWS),
  'pipeline.yaml': `version: 1
name: small
datasets: { d: { source: data } }
models: { writer: { endpoint: "${endpoint}", model: test-model } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", fraction: 0.5, seed: 7 } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${models.writer}", prompt: prompt.yaml, per_passage: 2, concurrency: ${CONCURRENCY} }
  kept: { uses: filter, with: { pairs: "\${stages.queries.pairs}", steps: [{ length: { min_words: 2 } }] } }
  lines:
    uses: command
    with: { run: "wc -l < kept/pairs.jsonl > out.txt", inputs: { kept: "\${stages.kept.pairs}" }, outputs: { out: out.txt } }
`,
})

/** A run that nothing goes wrong in: what it makes. */
async function calmOutputs(server: FakeOpenai): Promise<{ [path: string]: string }> {
  const project = new Project(files(server.url))
  const run = await runHere(project.folder)
  expect(run.finished.status).toBe('ok')
  return filesBelow(join(project.folder, 'out'))
}

/** Holds what every failure owes: words instead of a stack, nothing lost, and a next run that simply goes on. */
async function expectGraceful(
  where: string,
  project: Project,
  server: FakeOpenai,
  failing: () => Promise<Ended>,
  expected: { [path: string]: string },
  words: RegExp,
): Promise<'failed' | 'ok'> {
  const before = server.requests.length
  const { status, stderr } = await failing()
  const told = { where, status, stderr }
  expect([0, 1], JSON.stringify(told)).toContain(status)
  expect(told).not.toMatchObject({ stderr: expect.stringMatching(/bug of queryloom|^ {2,}at .*:\d+:\d+/m) })
  if (status === 1) expect(told).toMatchObject({ stderr: expect.stringMatching(words) })
  const paid = server.requests.length - before
  const next = await runHere(project.folder)
  expect({ where, status: next.finished.status }).toEqual({ where, status: 'ok' })
  expect(filesBelow(join(project.folder, 'out')), where).toEqual(expected)
  // What was stored before the disk refused is not asked for again. Beside the requests in flight there may be as many
  // whose answers were not stored yet.
  const paidAgain = server.requests.length - before - ROWS
  expect(paidAgain, `${where}: ${paid} requests, then ${next.finished.requests.sent}`).toBeLessThanOrEqual(
    2 * CONCURRENCY,
  )
  await noProcessesOf(project.folder)
  return status === 0 ? 'ok' : 'failed'
}

const CHANGES = ['create', 'write', 'mkdir', 'rename', 'fsync', 'symlink', 'link', 'truncate']
/** `few`: how many calls are tried when not all are. */
const FAULTS = [
  {
    code: 'ENOSPC',
    calls: ['create', 'write', 'mkdir', 'rename', 'symlink', 'link'],
    times: 1e9,
    few: 4,
    words: /full|no space/i,
  },
  { code: 'EIO', calls: CHANGES, times: 1, few: 4, words: /EIO/ },
  { code: 'EIO', calls: CHANGES, times: 1e9, few: 2, words: /EIO/ },
  { code: 'EIO', calls: ['read'], times: 1, few: 2, words: /EIO/ },
  { code: 'EMFILE', calls: ['open', 'create'], times: 3, few: 2, words: /EMFILE|too many open files/i },
] as const

describe.each(FAULTS)('$code of $calls ($times times)', ({ code, calls, times, few, words }) => {
  test('at any call: told in words, nothing lost, and the next run goes on', async () => {
    const server = await fakeOpenai(writtenBy)
    const expected = await calmOutputs(server)
    const fail = async (project: Project, from: number, count?: string): Promise<Ended> => {
      project.environment.NODE_OPTIONS = `--import ${HOOK}`
      project.environment.FS_ROOT = realpathSync(project.folder)
      project.environment.FS_FAIL = JSON.stringify({ code, calls, from, times, count })
      return project.call('run', 'pipeline.yaml', '--plain')
    }
    const counted = join(temporaryFolder(), 'count')
    const whole = await fail(new Project(files(server.url)), Number.MAX_SAFE_INTEGER, counted)
    expect(whole).toMatchObject({ status: 0 })
    const total = Number(readFileSync(counted, 'utf8'))
    expect(total).toBeGreaterThan(10)
    const samples = SOAK ? total : few
    const ends = { ok: 0, failed: 0 }
    for (let sample = 0; sample < samples; sample++) {
      const from = 1 + Math.floor(((sample + 0.5) * total) / samples)
      const project = new Project(files(server.url))
      const where = `${code} from call ${from} of ${total}`
      ends[await expectGraceful(where, project, server, () => fail(project, from), expected, words)]++
      rmSync(project.folder, { recursive: true })
    }
    console.log(
      `${code} of ${calls.join(', ')} (${times === 1e9 ? 'for good' : `${times} times`}), ${total} calls: ${JSON.stringify(ends)}`,
    )
  }, 1_800_000)
})

/** Why a test of the real thing can't be had here, or false. */
function lacking(program: string, ...words: string[]): string | false {
  const { status, error } = spawnSync(program, words, { stdio: 'ignore' })
  return status === 0 ? false : (error?.message ?? `${program} ended with status ${status}`)
}

const noMount = lacking('unshare', '-rm', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir())
if (noMount) console.warn(`skipped: no tmpfs can be mounted (${noMount})`)

test.skipIf(noMount)('a disk that is really full, and has room again', async () => {
  const server = await fakeOpenai(writtenBy)
  const expected = await calmOutputs(server)
  const project = new Project({ ...files(server.url), 'disk/.keep': '' })
  // The disk is there for one shell only, so both runs are in it.
  const script = `mount -t tmpfs -o size=1m tmpfs disk && ${run('--home disk/store')} --only-valid; true`
  expect(script).toContain('disk')
  const before = server.requests.length
  const both = `
    mount -t tmpfs -o size=1m tmpfs disk
    dd if=/dev/zero of=disk/filler bs=1k count=988 2>/dev/null
    ${run('--home disk/store')}; echo "status $?" >&2
    rm disk/filler
    ${run('--home disk/store')}; echo "status $?" >&2`
  const { stderr } = spawnedShell('unshare', ['-rm', 'sh', '-c', both], project)
  await Promise.resolve()
  const [first = '', second = ''] = (await stderr).split(/status (?=\d)/)
  expect(first).toMatch(/no space|full/i)
  expect(first).not.toMatch(/bug of queryloom|^ {2,}at /m)
  expect(second).toMatch(/^1/)
  expect((await stderr).trimEnd()).toMatch(/status 0$/)
  expect(filesBelow(join(project.folder, 'out'))).toEqual(expected)
  expect(server.requests.length - before).toBeLessThanOrEqual(ROWS + 2 * CONCURRENCY)
})
