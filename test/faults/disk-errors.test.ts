import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { type FakeOpenai, fakeOpenai } from '../rig/fake-openai.ts'
import { type Ended, ended, Project } from '../rig/project.ts'
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
  // 2: the pipeline's own file could not be read.
  expect([0, 1, 2], JSON.stringify(told)).toContain(status)
  expect(told).not.toMatchObject({ stderr: expect.stringMatching(/bug of queryloom|^ {2,}at .*:\d+:\d+/m) })
  if (status !== 0) expect(told).toMatchObject({ stderr: expect.stringMatching(words) })
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
function lacking(what: string, program: string, ...words: string[]): boolean {
  const { status, error } = spawnSync(program, words, { stdio: 'ignore' })
  if (status === 0) return false
  console.warn(`skipped: ${what} (${error?.message ?? `${program} ended with status ${status}`})`)
  return true
}

/** Runs a line of the shell in a project; `$RUN` there is `queryloom run pipeline.yaml --plain`. */
function shell(project: Project, words: readonly string[]): Promise<Ended> {
  const RUN = `${process.execPath} ${MAIN} run pipeline.yaml --plain`
  const [program = '', ...rest] = words
  const env = { ...process.env, NO_COLOR: '1', RUN }
  return ended(spawn(program, rest, { cwd: project.folder, env, stdio: ['ignore', 'pipe', 'pipe'] }))
}

const noMount = lacking('no tmpfs can be mounted', 'unshare', '-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp')
test.skipIf(noMount)('a disk that is really full: told in words, and the run goes on when there is room', async () => {
  const server = await fakeOpenai(writtenBy)
  const expected = await calmOutputs(server)
  for (const room of SOAK ? [8, 16, 24, 32, 48, 64, 96, 128] : [16, 64]) {
    const project = new Project({ ...files(server.url), 'disk/.keep': '' })
    const before = server.requests.length
    // The disk is there for one shell only, so both runs are in it.
    const both = `mount -t tmpfs -o size=4m tmpfs disk
      head -c ${4096 - room}k /dev/zero > disk/filler
      $RUN --home disk/store; echo "status $?" >&2
      rm disk/filler
      $RUN --home disk/store; echo "status $?" >&2
      cp -rL out copied`
    const { stderr } = await shell(project, ['unshare', '-rm', 'sh', '-c', both])
    const [first = '', second = ''] = stderr.split(/^status (?=\d)/m)
    expect(first, `${room} kB free`).toMatch(/no space|full/i)
    expect(stderr, `${room} kB free`).not.toMatch(/bug of queryloom|^ {2,}at .*:\d+:\d+/m)
    expect(second, `${room} kB free`).toMatch(/^1\n/)
    expect(stderr.trimEnd(), `${room} kB free`).toMatch(/status 0$/)
    expect(server.requests.length - before).toBeLessThanOrEqual(ROWS + 2 * CONCURRENCY)
    expect(filesBelow(join(project.folder, 'copied'))).toEqual(expected)
  }
})

test('too few open files: told in words or done, and the next run goes on', async () => {
  const server = await fakeOpenai(writtenBy)
  const expected = await calmOutputs(server)
  const ends: string[] = []
  // With fewer, Node itself can't load its modules.
  for (const limit of SOAK ? [30, 32, 34, 36, 38, 40, 42, 44, 48, 52, 56, 64] : [32, 38, 48]) {
    const project = new Project(files(server.url))
    const limited = (): Promise<Ended> => shell(project, ['sh', '-c', `ulimit -n ${limit}; exec $RUN`])
    const end = await expectGraceful(
      `${limit} files`,
      project,
      server,
      limited,
      expected,
      /EMFILE|too many open files|too many files are open/i,
    )
    ends.push(`${limit}: ${end}`)
  }
  console.log(`open files ${ends.join(', ')}`)
})

const noStrace = lacking(
  'strace can not inject errors',
  'strace',
  '-f',
  '-e',
  'inject=fdatasync:error=EIO:when=9',
  'true',
)
test.skipIf(noStrace)('a sync that fails in the kernel: told in words, and the next run goes on', async () => {
  const server = await fakeOpenai(writtenBy)
  const expected = await calmOutputs(server)
  for (const [call, when] of SOAK
    ? (['fsync', 'fdatasync'] as const).flatMap((call) => Array.from({ length: 12 }, (_, n) => [call, n + 1] as const))
    : ([
        ['fsync', 4],
        ['fdatasync', 2],
      ] as const)) {
    const project = new Project(files(server.url))
    const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`]
    const inject = ['-e', `inject=${call}:error=EIO:when=${when}+`, 'sh', '-c', 'exec $RUN']
    const failing = (): Promise<Ended> => shell(project, [...strace, ...inject])
    await expectGraceful(`${call} ${when}`, project, server, failing, expected, /EIO/)
  }
})
