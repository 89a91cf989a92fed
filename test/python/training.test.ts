import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { bytecodeVariables, pythonFile } from '../../stages/python/environment.ts'
import { type PythonPackages, type PythonRig, pythonPackages, pythonRig } from '../rig/python.ts'

const TOOLS = ['pytest==9.2.0', 'pluggy==1.7.0', 'iniconfig==2.3.1', 'ruff==0.17.6']
const skipped = 'the tests of the Python helpers need the Python environment of training'
const rig = await pythonRig(skipped)
const packages = rig && (await pythonPackages(TOOLS, skipped))
const execute = promisify(execFile)
/** Two dozen trainings of models that are tiny, on a machine that does other work too. */
const TIMEOUT_MS = 30 * 60_000

describe.skipIf(!packages)('the Python helpers', () => {
  const { python } = rig ?? ({} as PythonRig)
  const { folder: tests } = packages ?? ({} as PythonPackages)
  const folder = path.dirname(pythonFile('train_model.py'))
  const here = path.join(import.meta.dirname, 'training')
  const run = (module: string, ...words: string[]): Promise<{ stdout: string }> =>
    execute(python, ['-m', module, ...words], {
      env: {
        PATH: process.env.PATH ?? '',
        HOME: process.env.HOME ?? '',
        PYTHONPATH: `${tests}:${folder}`,
        ...bytecodeVariables(python),
      },
      maxBuffer: 16 << 20,
    }).catch((error: { stdout: string; stderr: string }) => {
      throw new Error(error.stdout + error.stderr)
    })

  it('pass their own tests', { timeout: TIMEOUT_MS }, async () => {
    const { stdout } = await run('pytest', '-q', '-p', 'no:cacheprovider', here)
    expect(stdout).toMatch(/ passed/)
    expect(stdout).not.toMatch(/skipped|xfailed/)
  })

  it('are clean to ruff', async () => {
    const config = ['--config', path.join(folder, 'pyproject.toml'), '--no-cache']
    await run('ruff', 'check', ...config, folder, here)
  })
})
