import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { fakeOpenai, type SeenRequest } from '../rig/fake-openai.ts'
import { type Ended, Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'

const API_KEY = 'sk-planted-Aa1/+key=Zz9'
const PASSED = 'planted-token-Bb2&%"x y'
const LINES = 'planted-first-line-0123456789\nplanted-second-line-9876543210'
const ALL = [API_KEY, PASSED, ...LINES.split('\n')]

/** What of a secret may stand nowhere: itself, and its forms in URLs, JSON and base64. */
function forms(secret: string): string[] {
  const middle = Buffer.from(secret).subarray(3, 3 * Math.floor(secret.length / 3))
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), middle.toString('base64')]
}

/** Every file and link below a folder that has one of the secrets in its bytes, or in its name. */
function holding(folder: string, secrets: readonly string[]): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    let text = path
    if (entry.isSymbolicLink()) text += readlinkSync(path)
    else if (entry.isFile()) {
      const bytes = readFileSync(path)
      text +=
        bytes.toString('utf8') + (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes).toString('utf8') : '')
    }
    return secrets.flatMap(forms).some((form) => text.includes(form)) ? [path] : []
  })
}

/** A project whose folders for temporary files and tools are its own, with a secret in every place that may have one. */
function planted(files: { [path: string]: string }): {
  project: Project
  said: Ended[]
  call(...args: string[]): Promise<Ended>
} {
  const project = new Project(files, { WRITER_KEY: API_KEY, PASSED, LINES })
  for (const name of ['tmp', 'tools']) mkdirSync(join(project.folder, name))
  Object.assign(project.environment, {
    TMPDIR: join(project.folder, 'tmp'),
    XDG_CACHE_HOME: join(project.folder, 'tools'),
  })
  const said: Ended[] = []
  return {
    project,
    said,
    call: async (...args) => {
      const one = await project.call(...args)
      said.push(one)
      return one
    },
  }
}

function nothingLeft({ project, said }: ReturnType<typeof planted>, secrets: readonly string[] = ALL): void {
  expect(holding(project.folder, secrets)).toEqual([])
  for (const { stdout, stderr } of said)
    for (const form of secrets.flatMap(forms)) expect(`${stdout}${stderr}`).not.toContain(form)
}

const withKey = (files: { [path: string]: string }): { [path: string]: string } => ({
  ...files,
  'pipeline.yaml': files['pipeline.yaml']!.replace('model: test-model', 'model: test-model, api_key_env: WRITER_KEY'),
})

const authorization = ({ headers }: SeenRequest): string => String(headers.authorization)

test('a key that the server sends back in its answers is in no row, output, journal, lockfile or print', async () => {
  const server = await fakeOpenai(async (request) => {
    const usual = await writtenBy(request)
    const answer = 'answer' in usual ? usual.answer : ''
    return { answer: `${answer} ${authorization(request)} ${Buffer.from(authorization(request)).toString('base64')}` }
  })
  const all = planted(withKey(smallProject(server.url)))
  expect((await all.call('run', 'pipeline.yaml')).status).toBe(0)
  expect(authorization(server.requests[0]!)).toBe(`Bearer ${API_KEY}`)
  for (const command of ['plan', 'status', 'metrics', 'runs', 'graph', 'validate']) {
    await all.call(command, 'pipeline.yaml')
    await all.call(command, 'pipeline.yaml', '--json')
  }
  for (const node of ['queries', 'lines']) {
    await all.call('explain', 'pipeline.yaml', node)
    await all.call('explain', 'pipeline.yaml', node, '--json')
    await all.call('logs', 'pipeline.yaml', node)
  }
  expect(readFileSync(join(all.project.folder, 'out/pipeline/queries/pairs/pairs.jsonl'), 'utf8')).toContain(
    'Bearer ***',
  )
  nothingLeft(all)
})

test.each([
  ['a refusal for all', 401, 1],
  ['refusals that are stored', 413, 0],
  ['a failure', 500, 1],
])('a key that the server sends back in %s is in no message', async (_, status, ends) => {
  const server = await fakeOpenai((request) => ({
    status,
    body: {
      error: {
        message: `${authorization(request)} ${'x'.repeat(450)} ${authorization(request)}`,
        type: authorization(request),
      },
    },
    headers: { 'x-echo': authorization(request) },
  }))
  const all = planted(withKey(smallProject(server.url, 8)))
  const pipeline = readFileSync(join(all.project.folder, 'pipeline.yaml'), 'utf8')
  all.project.write('pipeline.yaml', pipeline.replace('concurrency: 4\n', 'concurrency: 4\n      retries: 0\n'))
  expect((await all.call('run', 'pipeline.yaml')).status).toBe(ends)
  await all.call('run', 'pipeline.yaml', '--json')
  await all.call('runs', 'pipeline.yaml', '--json')
  expect(server.requests.length).toBeGreaterThan(0)
  // Nor the part of it that stands where a long message is cut.
  nothingLeft(all, [...ALL, API_KEY.slice(0, 10)])
})

test('a key that no header can carry is refused without being shown', async () => {
  const server = await fakeOpenai(writtenBy)
  const all = planted(withKey(smallProject(server.url, 4)))
  all.project.environment.WRITER_KEY = `${API_KEY}\nand more`
  const run = await all.call('run', 'pipeline.yaml')
  expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('has characters that no key has')])
  all.project.environment.WRITER_KEY = `${API_KEY}\n`
  expect((await all.call('run', 'pipeline.yaml')).status).toBe(0)
  nothingLeft(all)
})

const TALKER = `version: 1
stages:
  ok:
    uses: command
    pass_env: [PASSED, LINES]
    with:
      run: >-
        echo "plain $PASSED"; printf '%s' "$PASSED" | cut -c1-9 | tr -d '\\n'; printf '%s' "$PASSED" | cut -c10-;
        printf 'user:%s' "$PASSED" | base64 >&2; echo "$LINES"; echo $LINES; echo fine > o
      outputs: { o: o }
  bad:
    uses: command
    pass_env: [PASSED]
    with: { run: "echo \\"it fails with $PASSED\\" >&2; exit 3", outputs: { o: o } }
`

test('variables that are passed on are in no log, tail, journal or record, though the command prints them', async () => {
  const all = planted({ 'p.yaml': TALKER })
  const run = await all.call('run', 'p.yaml')
  expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('it fails with ***')])
  const log = await all.call('logs', 'p.yaml', 'ok')
  expect(log.stdout).toMatch(/^plain \*\*\*\n\*\*\*$/m)
  await all.call('run', 'p.yaml', '--json')
  await all.call('explain', 'p.yaml', 'bad', '--json')
  nothingLeft(all)
})

test('a password in an address is refused, and no message shows it', async () => {
  const password = 'planted-Pw-Cc3'
  const token = 'planted-query-Dd4'
  for (const endpoint of [
    `https://me:${password}@host/v1`,
    `https://${password}@host/v1`,
    `ftp://me:${password}@host/v1`,
    `https://host/v1?api_key=${token}`,
  ]) {
    const files = smallProject('ENDPOINT', 4)
    const parameter = planted({
      ...files,
      'pipeline.yaml': files['pipeline.yaml']!.replace('ENDPOINT', `\${params.at}`).replace(
        'params:',
        'params:\n  at: https://x/v1',
      ),
    })
    const written = planted({ ...files, 'pipeline.yaml': files['pipeline.yaml']!.replace('ENDPOINT', endpoint) })
    for (const command of ['validate', 'run']) {
      expect((await written.call(command, 'pipeline.yaml')).status).toBe(2)
      if (command === 'validate') await written.call(command, 'pipeline.yaml', '--json')
      expect((await parameter.call(command, 'pipeline.yaml', '-p', `at=${endpoint}`)).status).toBe(2)
    }
    nothingLeft(parameter, [password, token])
    for (const { stdout, stderr } of written.said)
      for (const secret of [password, token]) expect(stdout + stderr).not.toContain(secret)
    expect(holding(written.project.folder, [password, token])).toEqual([join(written.project.folder, 'pipeline.yaml')])
  }
})
