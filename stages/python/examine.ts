import { execFile } from 'node:child_process'
import type { Finding } from '../finding.ts'
import { OLDEST_PYTHON, onPath, PYTHON_ADVICE, pythonCandidates, TELL_PYTHON, toldPython } from './find-python.ts'

/** What there is of Python and of uv, which builds its environments. */
export async function examinePython(signal: AbortSignal): Promise<readonly Finding[]> {
  for (const path of pythonCandidates()) {
    const told = toldPython((await output(path, ['-I', '-c', TELL_PYTHON], signal)) ?? '')
    if (!told) continue
    const python = { name: 'Python', status: 'ok', message: `${told.version} at ${told.python}` } as const
    return [python, await examineUv(told.python, signal)]
  }
  const lacks = 'language models are not served and transformers not trained here without it'
  const message = `there is none from ${OLDEST_PYTHON} on: ${lacks}`
  return [{ name: 'Python', status: 'warning', message, advice: PYTHON_ADVICE }]
}

async function examineUv(python: string, signal: AbortSignal): Promise<Finding> {
  const name = 'uv'
  const path = onPath('uv')
  if (path !== undefined) {
    const version = await output(path, ['--version'], signal)
    if (version !== undefined) return { name, status: 'ok', message: `${version.trim()} at ${path}` }
    return { name, status: 'error', message: `${path} does not start`, advice: 'Install uv again, or remove it.' }
  }
  const pip = await output(python, ['-m', 'pip', '--version'], signal)
  if (pip !== undefined) return { name, status: 'ok', message: 'not installed: fetched by pip when it is first needed' }
  return {
    name,
    status: 'warning',
    message: 'not installed, and this Python has no pip to fetch it with',
    advice: 'Install uv (https://docs.astral.sh/uv) or pip (`apt install python3-pip`).',
  }
}

/** What a program printed; undefined if it failed or gave no answer in time. */
function output(program: string, words: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, words, { timeout: 30_000, killSignal: 'SIGKILL', signal }, (error, stdout) =>
      resolve(error ? undefined : stdout),
    )
  })
}
