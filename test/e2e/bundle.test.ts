import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { outputBlock } from '../docs/printed.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

/** A project whose user has a configuration of his own. */
function projectOf(files: { readonly [path: string]: string }, environment: { [name: string]: string } = {}): Project {
  return new Project(files, { XDG_CONFIG_HOME: temporaryFolder(), ...environment })
}

async function exported(project: Project, ...args: string[]): Promise<Buffer> {
  const { status, stderr } = await project.call('export', 'pipeline.yaml', '-o', 'x.qlb', ...args)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return readFileSync(join(project.folder, 'x.qlb'))
}

/** Puts the bundle of one project into the folder of a user who trusts its signer, and imports it there. */
async function importedBy(project: Project, bundle: Buffer, ...args: string[]): Promise<string> {
  writeFileSync(join(project.folder, 'x.qlb'), bundle)
  const { status, stdout, stderr } = await project.call('import', 'x.qlb', 'got', ...args)
  expect(`${stdout}${stderr}`).toContain('came with the bundle')
  expect(status).toBe(0)
  return join(project.folder, 'got')
}

test('with all results and a trusted signature, a bundle needs no network and executes nothing', async () => {
  const server = await fakeOpenai(writtenBy)
  const secret = 'planted-7f3e9c'
  const files = smallProject(server.url)
  const withKey = (text = ''): string => text.replace('model: test-model', 'model: test-model, api_key_env: PLANTED')
  const author = projectOf({ ...files, 'pipeline.yaml': withKey(files['pipeline.yaml']) }, { PLANTED: secret })
  await author.run('pipeline.yaml')
  const key = (await author.call('keys', 'new', 'author')).stdout.trim()
  expect((await exported(author, '--results', '--rows', '--sign')).includes(secret)).toBe(false)
  const bundle = await exported(author, '--results', '--sign')
  await server.die()

  const reader = projectOf({})
  await reader.call('keys', 'trust', 'author', key)
  await importedBy(reader, bundle)
  const plan = await reader.json<{ totals: object }>('plan', 'got/pipeline.yaml')
  expect(plan.totals).toMatchObject({ cached: 7, run: 0, pending: 0, requests: 0 })
  const { finished } = await reader.run('got/pipeline.yaml')
  expect(finished).toMatchObject({ status: 'ok', nodes: { executed: 0, cached: 7 }, children: 0 })
  const explained = await reader.call('explain', 'got/pipeline.yaml', 'scores')
  expect(explained.stdout).toMatch(/taken from bundle sha256:[0-9a-f]{64} at .*, signed by author\n/)
  const [{ record } = {}] = await reader.json<{ record?: object }[]>('explain', 'got/pipeline.yaml', 'scores')
  expect(record).toMatchObject({ origin: { bundle: expect.stringMatching(/^sha256:/), signer: 'author' } })
  // What was taken in can be given on, to the byte.
  expect((await exportedAgain(reader)).equals(unsigned(bundle))).toBe(true)
})

async function exportedAgain(reader: Project): Promise<Buffer> {
  await reader.call('export', 'got/pipeline.yaml', '-o', 'again.qlb', '--results')
  return unsigned(readFileSync(join(reader.folder, 'again.qlb')))
}

/** A bundle without its signature and header: manifest and blobs. */
function unsigned(bundle: Buffer): Buffer {
  const [, manifest = '', signature = ''] =
    /^queryloom-bundle 1 (\d+) (\d+)/.exec(bundle.toString('latin1', 0, 40)) ?? []
  const end = 109 + Number(manifest)
  return Buffer.concat([bundle.subarray(109, end), bundle.subarray(end + Number(signature))])
}

test('with the stored answers alone, everything is made again without one request', async () => {
  const server = await fakeOpenai(writtenBy)
  const author = projectOf(smallProject(server.url))
  const first = await author.run('pipeline.yaml')
  const bundle = await exported(author, '--rows')
  await server.die()

  const reader = projectOf({})
  await importedBy(reader, bundle, '--unsigned')
  const plan = await reader.json<{ totals: object }>('plan', 'got/pipeline.yaml')
  expect(plan.totals).toMatchObject({ requests: 0, cached_requests: first.finished.requests.sent })
  const refused = await reader.call('run', 'got/pipeline.yaml')
  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain('sh -c "wc -l < pairs/pairs.jsonl > lines.txt"')
  expect(refused.stderr).toContain(`contacts ${server.url} (model test-model)`)
  // What neither executes nor asks needs no trust.
  const scores = await reader.run('got/pipeline.yaml', 'scores')
  expect(scores.finished).toMatchObject({ status: 'ok', requests: { sent: 0 }, children: 0 })
  expect(existsSync(join(reader.folder, 'got/out/pipeline/lines'))).toBe(false)
  const all = await reader.run('got/pipeline.yaml', '--trust')
  expect(all.finished).toMatchObject({ status: 'ok', nodes: { executed: 1 }, requests: { sent: 0 } })
  const read = (project: Project, place: string): string => readFileSync(join(project.folder, place), 'utf8')
  expect(read(reader, 'got/out/pipeline/queries/pairs/pairs.jsonl')).toBe(
    read(author, 'out/pipeline/queries/pairs/pairs.jsonl'),
  )
})

test('what docs/sharing.md shows of an imported pipeline is what is printed', async () => {
  const { 'pipeline.yaml': text = '', ...files } = smallProject('https://api.example.org/v1')
  const author = projectOf({ ...files, 'scifact.yaml': text.replace('test-model', 'm, api_key_env: API_KEY') })
  expect((await author.call('export', 'scifact.yaml', '-o', 'x.qlb')).status).toBe(0)
  const reader = projectOf({})
  cpSync(join(author.folder, 'x.qlb'), join(reader.folder, 'x.qlb'))
  expect((await reader.call('import', 'x.qlb', 'scifact', '--unsigned')).status).toBe(0)
  const { stderr } = await reader.call('run', 'scifact/scifact.yaml')
  const [call = '', ...shown] = outputBlock('docs/sharing.md', '$ queryloom run').split('\n')
  expect(call).toBe('$ queryloom run scifact/scifact.yaml')
  expect(stderr.replace(/sha256:[0-9a-f]{64}/, 'sha256:2f0c…')).toBe(shown.join('\n'))
})

test('the same inputs are the same bundle whatever the folder, times, rights, locale and time zone', async () => {
  const files = { ...smallProject('http://127.0.0.1:1/v1'), 'deep/er/.git/HEAD': '' }
  const one = projectOf(files, { TZ: 'Asia/Tokyo', LC_ALL: 'de_DE.UTF-8' })
  const other = projectOf({}, { TZ: 'America/Lima', LC_ALL: 'C' })
  // The second one lies deeper, in a project that begins elsewhere, with other times and rights.
  const before = process.umask(0o077)
  cpSync(one.folder, join(other.folder, 'deep/er'), { recursive: true })
  process.umask(before)
  utimesSync(join(other.folder, 'deep/er/prompt.yaml'), 1e9, 1e9)
  const bundle = await exported(one)
  const { status } = await other.call('export', 'deep/er/pipeline.yaml', '-o', 'x.qlb')
  expect(status).toBe(0)
  expect(readFileSync(join(other.folder, 'x.qlb')).equals(bundle)).toBe(true)
  const placed = await importedBy(projectOf({}), bundle, '--unsigned')
  for (const path of ['pipeline.yaml', 'prompt.yaml', 'data/corpus.jsonl'])
    expect(readFileSync(join(placed, path), 'utf8')).toBe(readFileSync(join(one.folder, path), 'utf8'))
})

test('a changed command must be shown again, and trust can be taken back', async () => {
  const files = {
    'pipeline.yaml': `version: 1
stages:
  mark: { uses: command, with: { run: "cat script > o", inputs: { script: s.sh }, outputs: { o: o } }, env: { A: b } }
`,
    's.sh': 'one',
  }
  const reader = projectOf({})
  await importedBy(reader, await exported(projectOf(files)), '--unsigned')
  const run = async (...args: string[]): Promise<number | null> =>
    (await reader.call('run', 'got/pipeline.yaml', ...args)).status
  expect(await run()).toBe(2)
  expect(await run('--trust')).toBe(0)
  reader.write('got/s.sh', 'two')
  const again = await reader.call('run', 'got/pipeline.yaml', '--trust')
  expect(again.status).toBe(2)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be printed
  expect(again.stderr).not.toMatch(/[\u0000-\u0008\u001b]/)
  expect(again.stderr).toMatch(/with A=b\n/)
  expect(again.stderr).toMatch(/is given s\.sh \(sha256:[0-9a-f]{64}\)\n/)
  expect((await reader.call('trust', 'got/pipeline.yaml')).status).toBe(0)
  expect(await run()).toBe(0)
  await reader.call('trust', 'got/pipeline.yaml', '--revoke')
  expect(await run('--force', 'mark')).toBe(2)
})

test('a copy of an imported folder or of its pipeline alone is not trusted, and the original of its author is', async () => {
  const files = {
    'pipeline.yaml': 'version: 1\nstages:\n  mark: { uses: command, with: { run: "echo > o", outputs: { o: o } } }\n',
  }
  const author = projectOf(files)
  const bundle = await exported(author)
  const got = await importedBy(author, bundle, '--unsigned')
  expect((await author.call('run', 'pipeline.yaml')).status).toBe(0)
  expect((await author.call('run', 'got/pipeline.yaml')).status).toBe(2)

  const reader = projectOf({})
  await importedBy(reader, bundle, '--unsigned')
  cpSync(join(reader.folder, 'got'), join(reader.folder, 'copy'), { recursive: true })
  cpSync(join(reader.folder, 'got/pipeline.yaml'), join(reader.folder, 'alone.yaml'))
  for (const file of ['got/pipeline.yaml', 'copy/pipeline.yaml', 'alone.yaml']) {
    const { status, stderr } = await reader.call('run', file)
    expect([file, status, stderr.includes('nothing was run')]).toEqual([file, 2, true])
  }
  // Nor on another machine, where nobody remembers the bytes.
  const elsewhere = projectOf({})
  cpSync(got, join(elsewhere.folder, 'got'), { recursive: true })
  symlinkSync('got/pipeline.yaml', join(elsewhere.folder, 'link.yaml'))
  for (const file of ['got/pipeline.yaml', 'link.yaml']) expect((await elsewhere.call('run', file)).status).toBe(2)
  expect(readdirSync(reader.folder)).not.toContain('.queryloom-quarantine')
})

test('who signed decides what is taken, and each refusal says what to do', async () => {
  const files = {
    'pipeline.yaml': 'version: 1\nstages:\n  mark: { uses: command, with: { run: "echo > o", outputs: { o: o } } }\n',
  }
  const author = projectOf(files)
  await author.call('keys', 'new')
  const plain = await author.call('export', 'pipeline.yaml', '-o', 'plain.qlb')
  const signed = await author.call('export', 'pipeline.yaml', '-o', 'signed.qlb', '--sign', 'default')
  expect([plain.status, signed.status]).toEqual([0, 0])
  const reader = new Project({}, { XDG_CONFIG_HOME: temporaryFolder() })
  const from = (name: string, ...args: string[]): ReturnType<Project['call']> =>
    reader.call('import', join(author.folder, name), ...args)
  const refused = await from('plain.qlb', 'a')
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('nobody signed it')])
  const unknown = await from('signed.qlb', 'a')
  expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('keys trust NAME KEY')])
  expect(readdirSync(reader.folder)).toEqual([])
  expect((await from('signed.qlb', 'a', '--unsigned')).status).toBe(0)
  const second = await from('signed.qlb', 'a', '--unsigned')
  expect([second.status, second.stderr]).toEqual([1, expect.stringContaining('nothing is ever overwritten')])
})

test('results of chosen stages come with what they need, and stale ones are told of', async () => {
  const files = {
    'pipeline.yaml': `version: 1
stages:
  one: { uses: command, with: { run: "echo 1 > o", outputs: { o: o } } }
  two: { uses: command, with: { run: "cat in > o", inputs: { in: "\${stages.one.o}" }, outputs: { o: o } } }
  three: { uses: command, with: { run: "cat in in > o", inputs: { in: "\${stages.two.o}" }, outputs: { o: o } } }
`,
  }
  const author = projectOf(files)
  const stale = await author.call('export', 'pipeline.yaml', '-o', 'x.qlb', '--with', 'two')
  expect([stale.status, stale.stderr]).toEqual([1, expect.stringContaining('no result that is up to date: one, two')])
  await author.run('pipeline.yaml')
  const unknown = await author.call('export', 'pipeline.yaml', '-o', 'x.qlb', '--with', 'tow')
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('Did you mean two?')])
  const nobody = await author.call('export', 'pipeline.yaml', '-o', 'x.qlb', '--sign')
  expect([nobody.status, nobody.stderr]).toEqual([2, expect.stringContaining('queryloom keys new')])
  expect(existsSync(join(author.folder, 'x.qlb'))).toBe(false)
  const reader = projectOf({})
  await importedBy(reader, await exported(author, '--with', 'two'), '--unsigned')
  const plan = await reader.json<{ totals: object }>('plan', 'got/pipeline.yaml')
  expect(plan.totals).toMatchObject({ cached: 2, run: 1 })
})

test('keys are made, listed, trusted and untrusted, and no private key is ever printed', async () => {
  const [anna, ben] = [projectOf({}), projectOf({})]
  const made = await anna.call('keys', 'new', 'anna')
  expect(made.stdout).toMatch(/^ed25519:[\w-]{43}\n$/)
  const key = made.stdout.trim()
  const again = await anna.call('keys', 'new', 'anna')
  expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('another key called anna')])
  const secret = readFileSync(join(anna.environment.XDG_CONFIG_HOME ?? '', 'queryloom/keys/anna.key'), 'utf8')
  const [, body = ''] = secret.split('\n')
  for (const { stdout, stderr } of [made, again, await anna.call('keys', 'list')])
    expect(`${stdout}${stderr}`).not.toContain(body.slice(-43))
  expect((await ben.call('keys', 'trust', 'anna', key)).status).toBe(0)
  const list = JSON.parse((await ben.call('keys', 'list', '--json')).stdout)
  expect(list).toEqual({ keys: [{ name: 'anna', key, own: false }] })
  expect((await ben.call('keys', 'trust', 'eve', 'nonsense')).status).toBe(1)
  expect((await ben.call('keys', 'untrust', 'anna')).status).toBe(0)
  expect((await ben.call('keys', 'untrust', 'anna')).status).toBe(2)
  expect((await ben.call('keys', 'sell')).status).toBe(2)
})
