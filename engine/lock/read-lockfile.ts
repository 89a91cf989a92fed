import { readFileSync, statSync } from 'node:fs'
import { isMissing } from '../../cache/store-error.ts'
import type { Diagnostic } from '../parse/diagnostic.ts'
import { readLockText } from './lock-text.ts'
import type { Lockfile } from './lockfile.ts'

/** Largest lockfile, in bytes: that of a hundred thousand nodes has some 40 million. */
const MAX_BYTES = 256 << 20

/** A lockfile as far as it could be read; neither lock nor diagnostics where there is none. */
export interface ReadLockfile {
  lock?: Lockfile
  diagnostics: readonly Diagnostic[]
}

/** Reads a lockfile, which may come from anybody: what is wrong with it is told with its place, nothing is thrown. */
export async function readLockfile(file: string): Promise<ReadLockfile> {
  let text: string
  try {
    const { size } = statSync(file)
    if (size > MAX_BYTES) return refused(file, `the lockfile has ${size} bytes; at most ${MAX_BYTES} are read`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return { diagnostics: [] }
    const { code } = error as NodeJS.ErrnoException
    return refused(
      file,
      code === 'EISDIR' ? 'this is a folder, not a lockfile' : `the lockfile can't be read (${code})`,
    )
  }
  // A line break of another system must not make results differ.
  const lock = readLockText(text.replaceAll('\r\n', '\n'))
  if (lock) return { lock, diagnostics: [] }
  const { parseLockfile } = await import('./parse-lockfile.ts')
  return parseLockfile(file)
}

function refused(file: string, message: string): ReadLockfile {
  const facts = {
    severity: 'error',
    code: 'file-unreadable',
    advice: 'Remove it: the next run writes a new one.',
  } as const
  return { diagnostics: [{ file, line: 1, column: 1, length: 1, ...facts, message }] }
}
