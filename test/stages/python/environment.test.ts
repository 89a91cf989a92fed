import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { type PythonServices, pythonEnvironment, pythonFile, pythonTools } from '../../../stages/python/environment.ts'
import { damagedFile } from '../../../stages/python/installed-files.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices, scripts, withPath } from '../models/setup.ts'
import { STAND_IN_UV } from './stand-in-uv.ts'

async function rig(): Promise<{ path: string; services: PythonServices; notes: string[]; calls(): string[] }> {
  const bin = scripts({ python3: 'echo "3.12.1 $0"', uv: STAND_IN_UV })
  const notes: string[] = []
  return {
    path: `${bin}:/bin:/usr/bin`,
    notes,
    services: {
      ...(await leaseServices()),
      log: join(temporaryFolder(), 'install.log'),
      tell: (note) => notes.push(note),
    },
    calls: () => readFileSync(join(bin, 'uv.calls'), 'utf8').trimEnd().split('\n'),
  }
}

async function build({ path, services }: Awaited<ReturnType<typeof rig>>): Promise<string> {
  return withPath(path, async () => pythonEnvironment('train.lock', await pythonTools(services), services))
}

test('an environment is built once from a lock with hashes, linked to the files of others', async () => {
  const here = await rig()
  const python = await build(here)
  expect(await build(here)).toBe(python)
  expect(here.calls()).toHaveLength(2)
  expect(here.calls()[1]).toContain('--require-hashes --no-deps --no-build -r')
})

test.each([
  ['is missing', (file: string) => rmSync(file)],
  ['is cut off', (file: string) => writeFileSync(file, '12')],
])(
  'an environment of which a file %s is told of and built anew, not from what may be damaged too',
  async (_, damage) => {
    const here = await rig()
    const python = await build(here)
    const environment = dirname(dirname(python))
    const file = join(environment, 'lib/python3.12/site-packages/toy/b, c.py')
    expect(await damagedFile(environment)).toBeUndefined()
    damage(file)
    expect(await damagedFile(environment)).toBe('toy/b, c.py')
    // As in a new process, which has found nothing whole yet.
    vi.resetModules()
    const next = await import('../../../stages/python/environment.ts')
    const again = await withPath(here.path, async () =>
      next.pythonEnvironment('train.lock', await pythonTools(here.services), here.services),
    )
    expect(again).toBe(python)
    expect(readFileSync(file, 'utf8')).toBe('123')
    expect(here.notes).toEqual(['Python environment of train.lock is damaged (toy/b, c.py): building it anew'])
    expect(here.calls()).toHaveLength(4)
    expect(here.calls()[3]).toContain('--no-cache --link-mode copy')
  },
)

test.each(['llama-cpp', 'serve', 'train', 'uv-bootstrap'])('%s.lock has hashes and no address', (name) => {
  const text = readFileSync(pythonFile(`${name}.lock`), 'utf8')
  const packages = text.split('\n').filter((line) => /^[a-z0-9]/.test(line))
  expect(packages.length).toBeGreaterThan(0)
  for (const line of packages) expect(line).toMatch(/^[a-z0-9._-]+(\[[a-z,]+\])?==\S+( ; .*)? \\$/)
  expect(text.match(/--hash=sha256:[0-9a-f]{64}/g)?.length).toBeGreaterThanOrEqual(packages.length)
  expect(text).not.toMatch(/:\/\/|^-|^ *--(?!hash)/m)
})

test('environments that have torch have one version of each package, so that one copy serves both', () => {
  const versions = (name: string): Map<string, string[]> => {
    const found = new Map<string, string[]>()
    for (const [, package_, version] of readFileSync(pythonFile(name), 'utf8').matchAll(/^([a-z0-9._-]+)==(\S+)/gm))
      found.set(package_!, [...(found.get(package_!) ?? []), version!])
    return found
  }
  const train = versions('train.lock')
  const serve = versions('serve.lock')
  expect(serve.has('torch') && serve.has('uvicorn') && !serve.has('sentence-transformers')).toBe(true)
  for (const [name, found] of serve) if (train.has(name)) expect([name, found]).toEqual([name, train.get(name)])
})

test('helpers of Python that are named here ship with the package', () => {
  for (const name of ['export_onnx.py', 'llama_server.py']) expect(existsSync(pythonFile(name))).toBe(true)
})
