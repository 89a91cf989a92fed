import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { logTail } from '../../engine/util/log-tail.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import { type ProcessRunner, StageError, type ToolsCache } from '../define.ts'
import { OLDEST_PYTHON, onPath, PYTHON_ADVICE, pythonCandidates, TELL_PYTHON, toldPython } from './find-python.ts'
import { damagedFile } from './installed-files.ts'

/** What building Python environments needs. */
export interface PythonServices {
  processes: ProcessRunner
  tools: ToolsCache
  /** Log of the installers. */
  log: string
  signal: AbortSignal
  /** Told how an installation goes, in words, at most once a second. */
  tell?(note: string): void
}

/** What an environment is for; each has a lock of that name. Those with torch share one copy of its files on the disk. */
export type PythonLock = 'llama-cpp.lock' | 'serve.lock' | 'train.lock'

/** A Python that is new enough, and how uv is called. */
export interface PythonTools {
  python: string
  version: string
  uv: [string, ...string[]]
}

const TELL_MS = 1000

/** Path of a file that ships with the package beside the Python helpers. */
export function pythonFile(name: string): string {
  return join(packageRoot, 'stages', 'python', name)
}

/**
 * Variables with which an environment's Python keeps what it compiles, beside its packages and nowhere else: compiling
 * torch and its friends anew takes two thirds of a start.
 */
export function bytecodeVariables(python: string): { [name: string]: string } {
  return { PYTHONPYCACHEPREFIX: join(dirname(dirname(python)), 'bytecode'), PYTHONDONTWRITEBYTECODE: '' }
}

/** Finds Python and uv; uv is fetched once by pip, from a lock with hashes, where it is not installed. */
export async function pythonTools(services: PythonServices): Promise<PythonTools> {
  const { python, version } = await findPython(services)
  const installed = onPath('uv')
  if (installed !== undefined) return { python, version, uv: [installed] }
  const lock = pythonFile('uv-bootstrap.lock')
  const folder = await services.tools.getOrBuild('uv', keyOf(lock, version, python), async (private_) => {
    const command = [python, '-m', 'pip', 'install', '--target', private_, '--require-hashes', '--no-deps'] as const
    await install(services, 'installation of uv', [
      ...command,
      '--only-binary',
      ':all:',
      '--disable-pip-version-check',
      '-r',
      lock,
    ])
  })
  return { python, version, uv: [join(folder, 'bin', 'uv')] }
}

/**
 * The interpreter of an environment with exactly what the lock lists, built once for each lock and Python; one with files
 * missing or cut off is built anew. Needs a network only to build.
 */
export async function pythonEnvironment(
  lockName: PythonLock,
  found: PythonTools,
  services: PythonServices,
): Promise<string> {
  const lock = pythonFile(lockName)
  const title = `Python environment of ${lockName}`
  let damaged: string | undefined
  const build = async (private_: string): Promise<void> => {
    const { python, uv } = found
    if (damaged !== undefined) services.tell?.(`${title} is damaged (${damaged}): building it anew`)
    const venv = ['venv', '--quiet', '--relocatable', '--allow-existing', '--python', python, private_]
    await install(services, title, [...uv, ...venv])
    await install(services, title, [
      ...uv,
      'pip',
      'install',
      '--python',
      interpreter(private_),
      '--require-hashes',
      '--no-deps',
      // What has no wheel for this machine would take a compiler and half an hour.
      '--no-build',
      // Files are linked from uv's cache: torch with CUDA takes 5.6 GB, once for all environments that have it. What was
      // damaged may be damaged there too.
      ...(damaged !== undefined ? ['--no-cache', '--link-mode', 'copy'] : []),
      '-r',
      lock,
    ])
  }
  const isWhole = async (folder: string): Promise<boolean> => {
    if (checked.has(folder)) return true
    damaged = await damagedFile(folder)
    if (damaged === undefined) checked.add(folder)
    return damaged === undefined
  }
  const key = keyOf(lock, found.version, found.python)
  return interpreter(await services.tools.getOrBuild('python', key, build, isWhole))
}

/** Environments that this process found whole. */
const checked = new Set<string>()

async function findPython(services: PythonServices): Promise<{ python: string; version: string }> {
  for (const path of pythonCandidates()) {
    const answer = `${services.log}.python`
    try {
      await services.processes.run({
        title: 'Python',
        command: [path, '-I', '-c', TELL_PYTHON],
        log: services.log,
        stdout: answer,
        timeoutMs: 30_000,
        signal: services.signal,
      })
    } catch (error) {
      // Too old, or a stub that starts nothing: the next name may be better.
      if (error instanceof StageError) continue
      throw error
    }
    const told = toldPython(readFileSync(answer, 'utf8'))
    if (told) return told
  }
  throw new StageError(`No Python >= ${OLDEST_PYTHON} was found`, { advice: PYTHON_ADVICE })
}

async function install(services: PythonServices, title: string, command: [string, ...string[]]): Promise<void> {
  const { processes, log, signal, tell } = services
  const told = (): string => [title, lastLine(log)].filter((part) => part !== '').join(': ')
  const telling = tell && setInterval(() => tell(told()), TELL_MS)
  try {
    await processes.run({ title, command, network: true, log, signal, env: { UV_PYTHON_DOWNLOADS: 'never' } })
  } catch (error) {
    if (!(error instanceof StageError)) throw error
    throw new StageError(`${title} failed`, {
      ...(error.tail === undefined ? {} : { tail: error.tail }),
      where: error.where ?? log,
      advice:
        'It needs a package index: check the network, or set the variables of uv and pip (UV_INDEX_URL, PIP_INDEX_URL).',
      transient: true,
      cause: error,
    })
  } finally {
    clearInterval(telling)
  }
}

function lastLine(log: string): string {
  return logTail(log).split('\n').at(-1)?.trim() ?? ''
}

function interpreter(folder: string): string {
  return join(folder, 'bin', 'python')
}

// The interpreter's path counts: an environment only links to it.
function keyOf(lock: string, version: string, python: string): string {
  const { platform, arch } = process
  const content = readFileSync(lock, 'utf8')
  return hexOf(sha256<'tools'>(canonicalBytes('python', { content, version, python, platform, arch }))).slice(0, 32)
}
