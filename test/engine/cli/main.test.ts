import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { packagesIn } from '../../rig/packages-in.ts'
import { SMALL_PROMPT } from '../../rig/small-project.ts'

// Each command is a process of its own, several in most tests.

const main = join(packageRoot, 'dist/engine/cli/main.js')
const recorder = fileURLToPath(new URL('./fixtures/record-modules.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'queryloom-cli-'))
const environment = { ...process.env, NO_COLOR: '1' }

const PIPELINE = `version: 1
name: demo
params:
  lines: 2
stages:
  sorted:
    uses: command
    with:
      run: sort in > out.txt
      inputs: { in: words.txt }
      outputs: { sorted: out.txt }
  top:
    uses: command
    with:
      run: head -n \${params.lines} in > out.txt
      inputs: { in: "\${stages.sorted.sorted}" }
      outputs: { top: out.txt }
`

/** Every heavy stage: requests, training, evaluation. */
const MODELS = `version: 1
name: models
datasets: { d: { source: corpus.jsonl } }
models: { m: { endpoint: "http://127.0.0.1:9/v1", model: some } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", strategy: all } }
  queries: { uses: generate, with: { passages: "\${stages.passages.passages}", model: "\${models.m}", prompt: prompt.yaml } }
  kept: { uses: filter, with: { pairs: "\${stages.queries.pairs}", steps: [{ round_trip: { top_k: 5 } }] } }
  data: { uses: mix, with: { pairs: [{ from: "\${stages.kept.pairs}" }] } }
  model: { uses: train, with: { data: "\${stages.data.training}", base: "static:random-8" } }
`

beforeAll(() => {
  writeFileSync(join(folder, 'demo.yaml'), PIPELINE)
  writeFileSync(join(folder, 'words.txt'), 'b\na\nc\n')
  writeFileSync(join(folder, 'wrong.yaml'), PIPELINE.replace('inputs: { in: words.txt }', 'input: { in: words.txt }'))
  writeFileSync(join(folder, 'models.yaml'), MODELS)
  writeFileSync(join(folder, 'prompt.yaml'), SMALL_PROMPT)
  writeFileSync(join(folder, 'corpus.jsonl'), '{"_id":"a","text":"of harbours"}\n')
  writeFileSync(join(folder, 'fails.yaml'), PIPELINE.replace('sort in > out.txt', "'echo it broke >&2; exit 3'"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function queryloom(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: environment,
  })
}

test('an unknown command or option is answered with what was probably meant, and status 2', () => {
  const command = queryloom('rnu', 'demo.yaml')
  expect(command).toMatchObject({ status: 2, stdout: '' })
  expect(command.stderr).toContain('Did you mean run?')
  const option = queryloom('plan', 'demo.yaml', '--jsno')
  expect(option).toMatchObject({ status: 2, stdout: '' })
  expect(option.stderr).toContain('Did you mean --json?')
  expect(queryloom('run')).toMatchObject({ status: 2, stdout: '' })
  expect(queryloom('run', 'demo.yaml', '-p', 'lines')).toMatchObject({ status: 2 })
  expect(queryloom('run', 'demo.yaml', '-j', 'many')).toMatchObject({ status: 2 })
})

test('an invalid pipeline is status 2, told on standard error with its place, and as JSON on standard output', () => {
  const told = queryloom('run', 'wrong.yaml')
  expect(told).toMatchObject({ status: 2, stdout: '' })
  expect(told.stderr).toMatch(/wrong\.yaml:\d+:\d+ /)
  expect(told.stderr).not.toMatch(/^ {4}at /m)
  const { status, stdout } = queryloom('validate', 'wrong.yaml', '--json')
  expect(status).toBe(2)
  const printed = JSON.parse(stdout)
  expect(printed.valid).toBe(false)
  expect(Object.keys(printed.diagnostics[0])).toEqual(
    expect.arrayContaining(['severity', 'code', 'message', 'file', 'line', 'column', 'suggestion']),
  )
  expect(printed.diagnostics[0].suggestion).toBe('inputs')
  expect(JSON.parse(queryloom('validate', 'demo.yaml', '--json').stdout)).toEqual({
    valid: true,
    diagnostics: [],
    absent: [],
  })
})

test('plan, run, status and explain agree with each other and keep data on standard output', () => {
  const before = JSON.parse(queryloom('plan', 'demo.yaml', '--json').stdout)
  expect(before.totals).toMatchObject({ cached: 0, run: 1, pending: 1 })
  expect(queryloom('status', 'demo.yaml').status).toBe(1)

  const run = queryloom('run', 'demo.yaml', '--json')
  expect(run).toMatchObject({ status: 0, stderr: '' })
  const events = run.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events[0].type).toBe('run-started')
  expect(events.at(-1)).toMatchObject({
    type: 'run-finished',
    status: 'ok',
    nodes: { executed: 2, cached: 0, fetched: 0, failed: 0, skipped: 0 },
    requests: { sent: 0, cached: 0, failed: 0 },
  })
  for (const name of ['children', 'bytes_hashed', 'seconds']) expect(events.at(-1)[name]).toBeTypeOf('number')

  const again = queryloom('run', 'demo.yaml')
  expect(again).toMatchObject({ status: 0, stdout: '' })
  expect(again.stderr).toContain('0 nodes executed, 2 cached')
  expect(queryloom('status', 'demo.yaml', '--json')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('"fresh": true'),
  })

  const changed = queryloom('plan', 'demo.yaml', '-p', 'lines=1')
  expect(changed.stdout).toContain('option run changed from "head -n 2 in > out.txt" to "head -n 1 in > out.txt"')
  const [explained] = JSON.parse(queryloom('explain', 'demo.yaml', 'top', '--json').stdout)
  expect(explained).toMatchObject({
    id: 'top',
    decision: 'cached',
    inputs: { 'inputs/in': { from: 'sorted, output sorted' } },
  })
  expect(queryloom('explain', 'demo.yaml', 'tpo')).toMatchObject({ status: 2, stdout: '' })
  expect(JSON.parse(queryloom('metrics', 'demo.yaml', '--json').stdout)).toEqual([])
})

test('a failed stage is status 1; its error names what, the log and its end; --quiet says nothing else', () => {
  const { status, stdout, stderr } = queryloom('run', 'fails.yaml', '--quiet')
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toContain('sorted failed: ')
  expect(stderr).toContain('it broke')
  expect(stderr).toMatch(/log {5}\S+sorted\.log/)
  expect(stderr).not.toMatch(/^ {4}at /m)
})

test.each([
  { gone: 'stdout', other: 'stderr', words: ['explain', 'demo.yaml', 'top'] },
  { gone: 'stderr', other: 'stdout', words: ['run', 'demo.yaml', '-p', 'lines=3'] },
] as const)('a reader of $gone that goes away is no failure', async ({ gone, other, words }) => {
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, env: environment })
  child[gone].destroy()
  let text = ''
  child[other].on('data', (chunk) => {
    text += chunk
  })
  const status = await new Promise((resolve) => child.on('close', resolve))
  expect({ status, text }).toEqual({ status: 0, text: '' })
})

test.each([
  '--version',
  '--help',
  'run --help',
  'validate demo.yaml',
  'validate wrong.yaml',
  'plan demo.yaml',
  'plan demo.yaml --explain',
  'plan models.yaml',
  'run demo.yaml top --dry-run',
  'status demo.yaml',
  'status models.yaml',
  'explain demo.yaml top',
  'graph demo.yaml',
  'runs demo.yaml',
])('queryloom %s loads nothing heavy', (line) => {
  const list = join(folder, 'modules.json')
  const { stderr } = spawnSync(process.execPath, ['--import', recorder, main, ...line.split(' ')], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...environment, MODULES: list },
  })
  if (!/wrong|metrics/.test(line)) expect(stderr).toBe('')
  const loaded = JSON.parse(readFileSync(list, 'utf8')) as string[]
  const packages = new Set(loaded.filter((url) => url.startsWith('file:')).flatMap(packagesIn))
  expect(packages).toContain('commander')
  const heavy = /^(@aws-sdk\/|execa$|openai$|listr2$|onnxruntime-|undici$|@huggingface\/|ajv$)/
  const allowed = line.includes('wrong') ? /^ajv$/ : /$^/
  expect([...packages].filter((name) => heavy.test(name) && !allowed.test(name))).toEqual([])
})

test('what heavy commands load is told from what the others load', () => {
  const chunks = readdirSync(join(packageRoot, 'dist/chunks')).map((name) => join(packageRoot, 'dist/chunks', name))
  const packages = new Set(chunks.flatMap((path) => packagesIn(pathToFileURL(path).href)))
  for (const name of ['execa', 'listr2', 'yaml']) expect(packages).toContain(name)
  const licences = readFileSync(join(packageRoot, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
  for (const name of packages) expect(licences).toMatch(new RegExp(`^${name} [0-9.]+ \\(\\S+\\)$`, 'm'))
})
