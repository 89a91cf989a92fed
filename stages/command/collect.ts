import { lstatSync, renameSync, type Stats, statSync } from 'node:fs'
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { StageError } from '../define.ts'

/**
 * Moves a declared output out of the command's folder: a file into a folder that holds nothing else, under its base
 * name; a folder as its files. Links are followed to plain files and copied. A missing output and one of the wrong type are
 * a StageError.
 */
export async function collectOutput(
  name: string,
  { path: declared, type }: { path: string; type: 'file' | 'folder' },
  work: string,
  target: string,
): Promise<{ files: number; bytes: number }> {
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
  if (type === 'file') return { files: 1, bytes: await moveFile(place, path.join(target, path.basename(declared))) }
  let files = 0
  let bytes = 0
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const from = path.join(entry.parentPath, entry.name)
    const inside = path.relative(place, from)
    const what = await stat(from).catch(() => undefined)
    if (!what?.isFile())
      throw new StageError(`output \`${name}\` holds something that is not a plain file: ${inside}`, {
        advice: 'Folders may hold files and folders, and links to files.',
      })
    await mkdir(path.dirname(path.join(target, inside)), { recursive: true })
    bytes += await moveFile(from, path.join(target, inside))
    files++
  }
  return { files, bytes }
}

/** Moves a plain file; copies what a link points to, and what is on another file system or has a second name. */
async function moveFile(from: string, to: string): Promise<number> {
  // Three quick calls: a thread would take longer to begin with them.
  const itself = lstatSync(from)
  if (itself.isFile() && itself.nlink === 1) {
    try {
      renameSync(from, to)
      return itself.size
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    }
  }
  await copyFile(from, to)
  return statSync(to).size
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
