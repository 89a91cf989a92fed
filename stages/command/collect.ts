import { type Stats, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { type KeptFile, StageError } from '../define.ts'

/** What a command left as one of its outputs. */
export interface CollectedOutput {
  files: readonly KeptFile[]
  bytes: number
}

/**
 * Finds a declared output in the command's folder: a file under its base name, a folder as its files. Links are followed
 * to plain files. A missing output and one of the wrong type are a StageError.
 */
export async function collectOutput(
  name: string,
  { path: declared, type }: { path: string; type: 'file' | 'folder' },
  work: string,
): Promise<CollectedOutput> {
  const place = path.join(work, declared)
  const found = statOf(place)
  if (!found)
    throw new StageError(`the command did not write its output \`${name}\` (${declared})`, {
      advice: `It left ${await shown(work)}.`,
    })
  if (type === 'file' ? !found.isFile() : !found.isDirectory())
    throw new StageError(
      `output \`${name}\` (${declared}) is declared as a ${type}, but the command left ${found.isDirectory() ? 'a folder' : found.isFile() ? 'a file' : 'neither a file nor a folder'}`,
      {
        advice: `Declare it as \`{path: ${declared}, type: ${type === 'file' ? 'folder' : 'file'}}\`, or mend the command.`,
      },
    )
  if (type === 'file') return { files: [keptFile(path.basename(declared), place, found)], bytes: found.size }
  const files: KeptFile[] = []
  let bytes = 0
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const location = path.join(entry.parentPath, entry.name)
    const inside = path.relative(place, location)
    const what = await stat(location).catch(() => undefined)
    if (!what?.isFile())
      throw new StageError(`output \`${name}\` holds something that is not a plain file: ${inside}`, {
        advice: 'Folders may hold files and folders, and links to files.',
      })
    files.push(keptFile(inside, location, what))
    bytes += what.size
  }
  return { files, bytes }
}

function keptFile(inside: string, location: string, { mode }: Stats): KeptFile {
  return { path: inside, location, executable: (mode & 0o100) !== 0 }
}

function statOf(place: string): Stats | undefined {
  try {
    return statSync(place, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

async function shown(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort()
  if (names.length === 0) return 'nothing'
  return names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '')
}
