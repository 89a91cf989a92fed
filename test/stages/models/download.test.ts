import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import { StageError } from '../../../stages/define.ts'
import { type Download, download, openWeb } from '../../../stages/models/download.ts'
import { hubAddress } from '../../../stages/models/hub.ts'
import { openSource, type WantedSource } from '../../../stages/models/open-source.ts'
import { type ModelSource, parseSource } from '../../../stages/models/source.ts'
import { fakeHub } from '../../rig/fake-hub.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

// No hub is asked here: a stand-in on the loopback interface serves the same routes.

const content = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251))
const sha = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')
const commit = 'c'.repeat(40)

async function get(url: string, more: Partial<Download> = {}): Promise<{ to: string; told: number[] }> {
  const web = openWeb()
  const told: number[] = []
  const to = more.to ?? join(temporaryFolder(), 'm')
  try {
    await download(web, {
      url,
      to,
      expected: { sha256: sha(content) },
      signal: new AbortController().signal,
      onBytes: (done) => told.push(done),
      backoffMs: () => 1,
      ...more,
    })
  } finally {
    await web.close()
  }
  return { to, told }
}

/** Opens a source with a tools cache at `root`, as a model's server does. */
async function open(
  wanted: Partial<WantedSource> & { source: ModelSource },
  root: string = temporaryFolder(),
  notes: string[] = [],
): Promise<string> {
  return openSource(
    { folder: '/', ...wanted },
    {
      tools: openToolsCache(root),
      signal: new AbortController().signal,
      processes: undefined as never,
      log: '/dev/null',
      python: () => Promise.reject(new Error('no Python is needed')),
      tell: (note) => notes.push(note),
    },
  )
}

function atHub(url: string, token?: string): void {
  process.env.HF_ENDPOINT = url
  if (token !== undefined) process.env.HF_TOKEN = token
  onTestFinished(() => {
    delete process.env.HF_ENDPOINT
    delete process.env.HF_TOKEN
  })
}

const hf = (path?: string): ModelSource =>
  parseSource(`hf:own/er@${commit}${path === undefined ? '' : `#${path}`}`) as ModelSource

test('a connection that breaks is taken up where it broke', async () => {
  const hub = await fakeHub({ m: content })
  hub.moods.push({ cutAfter: 1000 }, { status: 503 }, { cutAfter: 1500 })
  const { to, told } = await get(`${hub.url}/m`)
  expect(readFileSync(to).equals(content)).toBe(true)
  expect(hub.seen).toEqual(['/m', '/m from=1000', '/m from=1000', '/m from=2500'])
  expect(told.at(-1)).toBe(5000)
  expect(readdirSync(dirname(to))).toEqual(['m'])
})

test('half a download of an earlier process is gone on with', async () => {
  const hub = await fakeHub({ m: content })
  const to = join(temporaryFolder(), 'm')
  hub.moods.push({ cutAfter: 1000 }, ...Array.from({ length: 6 }, () => ({ status: 500 })))
  await expect(get(`${hub.url}/m`, { to })).rejects.toThrow("can't be downloaded: HTTP 500")
  expect(readFileSync(`${to}.part`).length).toBe(1000)
  hub.seen.length = 0
  await get(`${hub.url}/m`, { to })
  expect(hub.seen).toEqual(['/m from=1000'])
  expect(readFileSync(to).equals(content)).toBe(true)
})

test.each([
  ['has changed', { etag: '"2"' }],
  ['can not send parts', { ignoresRange: true }],
])('a file that %s is brought from the start', async (_, mood) => {
  const hub = await fakeHub({ m: content })
  hub.moods.push({ cutAfter: 1000 }, mood)
  expect(readFileSync((await get(`${hub.url}/m`)).to).equals(content)).toBe(true)
})

test('what was there before and is damaged is brought once more; what comes damaged is refused', async () => {
  const hub = await fakeHub({ m: content })
  const to = join(temporaryFolder(), 'm')
  writeFileSync(`${to}.part`, Buffer.alloc(1000))
  writeFileSync(`${to}.from`, '"1"')
  await get(`${hub.url}/m`, { to })
  expect(readFileSync(to).equals(content)).toBe(true)
  expect(hub.seen).toEqual(['/m from=1000', '/m'])
  hub.moods.push({ corrupt: true })
  const other = join(temporaryFolder(), 'm')
  await expect(get(`${hub.url}/m`, { to: other })).rejects.toThrow('has another digest than it should have')
  expect(readdirSync(dirname(other)).filter((name) => !name.endsWith('.from'))).toEqual([])
})

test('a download that was all there but had not been named is not asked for again', async () => {
  const hub = await fakeHub({ m: content })
  const to = join(temporaryFolder(), 'm')
  writeFileSync(`${to}.part`, content)
  writeFileSync(`${to}.from`, '"1"')
  await get(`${hub.url}/m`, { to })
  expect(hub.seen).toEqual(['/m from=5000'])
})

test('a refusal is an error at once, without what is secret in the address', async () => {
  const hub = await fakeHub({})
  const error = (await get(`${hub.url}/m?token=abc`).catch((thrown: unknown) => thrown)) as StageError
  expect(error).toBeInstanceOf(StageError)
  expect(error.message).toContain('was refused: HTTP 404')
  expect(error.message).not.toContain('abc')
  expect(hub.seen.length).toBe(1)
})

test('a file at an address is kept in the tools cache under its digest', async () => {
  const hub = await fakeHub({ 'm.gguf': content })
  const root = temporaryFolder()
  const wanted = { source: parseSource(`${hub.url}/m.gguf`) as ModelSource, sha256: sha(content) }
  const file = await open(wanted, root)
  expect(file).toMatch(/\/m\.gguf$/)
  expect(readFileSync(file).equals(content)).toBe(true)
  expect(await open(wanted, root)).toBe(file)
  expect(hub.seen.length).toBe(1)
})

const repository = {
  'config.json': '{}',
  'model.safetensors': content,
  'pytorch_model.bin': 'pickle',
  'modeling_x.py': 'code',
  'onnx/model.onnx': 'onnx',
  'a b/ü.json': '[]',
  'q-00001-of-00002.gguf': 'one',
  'q-00002-of-00002.gguf': 'two',
}
const large = (path: string): boolean => !path.endsWith('.json')

test('a repository of a hub is brought whole, but for what runs code when it is read', async () => {
  const hub = await fakeHub(repository, { large, pageOf: 2 })
  atHub(hub.url)
  const notes: string[] = []
  const folder = await open({ source: hf(), skip: /\.gguf$/ }, temporaryFolder(), notes)
  expect(readdirSync(folder, { recursive: true }).sort()).toEqual(
    ['a b', 'a b/ü.json', 'config.json', 'model.safetensors', 'onnx', 'onnx/model.onnx'].sort(),
  )
  expect(readFileSync(join(folder, 'model.safetensors')).equals(content)).toBe(true)
  expect(hub.seen).toContain(`/own/er/resolve/${commit}/a%20b/%C3%BC.json`)
  expect(notes[0]).toMatch(/^downloading hf:own\/er@cccccccc: .* of 4\.9 KiB$/)
})

test('one file, a folder, and a file in parts of a hub', async () => {
  const hub = await fakeHub(repository, { large })
  atHub(hub.url)
  expect(readFileSync(await open({ source: hf('config.json') }), 'utf8')).toBe('{}')
  expect(readdirSync(await open({ source: hf('onnx/') }))).toEqual(['model.onnx'])
  const first = await open({ source: hf('q-00001-of-00002.gguf') })
  expect(readFileSync(first.replace('00001-of', '00002-of'), 'utf8')).toBe('two')
  expect(hub.seen.filter((path) => path.includes('resolve')).length).toBe(4)
  await expect(open({ source: hf('config.jsonl') })).rejects.toThrow(`hf:own/er has no \`config.jsonl\` at commit`)
})

test('of a repository that broke off, only the rest is brought', async () => {
  const hub = await fakeHub({ a: content, b: content }, { large })
  atHub(hub.url)
  const root = temporaryFolder()
  hub.moods.push({}, { status: 403 })
  await expect(open({ source: hf() }, root)).rejects.toThrow('was refused: HTTP 403')
  hub.seen.length = 0
  const folder = await open({ source: hf() }, root)
  expect(readdirSync(folder).sort()).toEqual(['a', 'b'])
  expect(hub.seen.length).toBe(2)
  expect(readdirSync(join(root, 'model', '.building'))).toEqual([])
})

test.each([
  ['a small file by its git digest', false],
  ['a large file by its sha256', true],
])('%s is refused if it is not what the list says', async (_, isLarge) => {
  const hub = await fakeHub({ 'model.safetensors': content }, { large: () => isLarge })
  atHub(hub.url)
  hub.moods.push({ corrupt: true })
  const root = temporaryFolder()
  await expect(open({ source: hf() }, root)).rejects.toThrow('has another digest')
  expect(readdirSync(join(root, 'model')).filter((name) => !name.startsWith('.'))).toEqual([])
})

test('a repository with another digest than the pipeline says is refused', async () => {
  const hub = await fakeHub({ 'model.safetensors': content })
  atHub(hub.url)
  const digest = sha(`${sha(content)}  model.safetensors\n`)
  expect(existsSync(await open({ source: hf(), sha256: digest }))).toBe(true)
  await expect(open({ source: hf(), sha256: sha('else') })).rejects.toThrow('has another digest than the pipeline says')
})

test('the token goes to the hub and to nobody that it redirects to', async () => {
  const files = await fakeHub(repository, { large })
  // Another name of this machine is another host.
  const hub = await fakeHub(repository, {
    large,
    redirectTo: files.url.replace('127.0.0.1', 'localhost'),
    token: 'hf_secret',
  })
  atHub(hub.url, 'hf_secret')
  expect(readFileSync(await open({ source: hf('config.json') }), 'utf8')).toBe('{}')
  expect(files.tokens).toEqual([undefined])
  process.env.HF_TOKEN = 'hf_wrong'
  const error = (await open({ source: hf('config.json') }).catch((thrown: unknown) => thrown)) as StageError
  expect(error.message).toContain('is not open to this user (HTTP 401)')
  expect(error.advice).toContain('HF_TOKEN')
  expect(`${error.message}${error.advice}`).not.toContain('hf_wrong')
})

test('a hub that is away is an error that names the way out', async () => {
  atHub('http://127.0.0.1:9')
  await expect(open({ source: hf() })).rejects.toMatchObject({
    message: expect.stringContaining("the hub http://127.0.0.1:9 can't be reached"),
    advice: expect.stringContaining('HF_ENDPOINT'),
  })
  expect(() => hubAddress({ HF_ENDPOINT: 'http://hub.example' })).toThrow('HF_ENDPOINT is not an https address')
  expect(hubAddress({})).toMatch(/^https:/)
})

test('a hub that lists files outside of its repository is not believed', async () => {
  const hub = await fakeHub({ '../../x': 'x' })
  atHub(hub.url)
  const root = temporaryFolder()
  mkdirSync(join(root, 'model'))
  await expect(open({ source: hf() }, root)).rejects.toThrow('lists a file outside of its repository')
})
