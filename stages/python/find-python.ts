import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The oldest Python 3 that the helpers and their locks work with. */
export const OLDEST_PYTHON = '3.10'

/** What to do where there is none. */
export const PYTHON_ADVICE =
  'Install Python (https://www.python.org, or your system: `apt install python3 python3-pip`), use your own llama-server with `binary`, or a model that runs elsewhere with `endpoint`.'

/** A program for Python that prints its version and executable, and fails if it is too old. */
export const TELL_PYTHON =
  'import sys; assert sys.version_info >= (3, 10); print("%d.%d.%d %s" % (*sys.version_info[:3], sys.executable))'

const NAMES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14', 'python']

/** Programs on the PATH that may be a Python, the likeliest first. */
export function pythonCandidates(): string[] {
  return NAMES.map(onPath).filter((path) => path !== undefined)
}

/** What `TELL_PYTHON` printed; undefined if that was something else. */
export function toldPython(answer: string): { python: string; version: string } | undefined {
  const [version, ...executable] = answer.trim().split(' ')
  // A shim would look at the folder it is called from; the interpreter itself does not.
  return version !== undefined && executable.length > 0 ? { python: executable.join(' '), version } : undefined
}

/** Where a program is that can be called by its name. */
export function onPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}
