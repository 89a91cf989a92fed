import { isUtf8 } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { StageError } from '../define.ts'
import { unreadable } from './bytes.ts'
import type { Fields } from './records.ts'

/** What counts as a document of a folder. */
export const DOCUMENT_FILE: RegExp = /\.(md|markdown|txt)$/i

const MAX_BYTES = 16 * 1024 * 1024
const BATCH = 64

/**
 * One row a file: its path below the folder is its id (blanks as %20, since runs can't hold them), the first heading of
 * a Markdown file its title, all else its text.
 */
export async function* documentBatches(
  folder: string,
  files: readonly string[],
): AsyncGenerator<{ shown: string; rows: Fields[]; lines: number[] }> {
  for (let from = 0; from < files.length; from += BATCH) {
    const names = files.slice(from, from + BATCH)
    const rows = await Promise.all(names.map((name) => documentOf(folder, name)))
    yield { shown: folder, rows, lines: rows.map((_, i) => from + i + 1) }
  }
}

async function documentOf(folder: string, name: string): Promise<Fields> {
  const place = path.join(folder, name)
  let bytes: Buffer
  try {
    const { size } = await stat(place)
    if (size > MAX_BYTES)
      throw new StageError('a document is longer than 16 MiB', { where: place, advice: 'Split it, or leave it out.' })
    bytes = await readFile(place)
  } catch (error) {
    throw unreadable(error, place)
  }
  if (!isUtf8(bytes)) {
    const line = bytes.toString('latin1').slice(0, firstInvalid(bytes)).split('\n').length
    throw new StageError('not valid UTF-8', { where: `${place}:${line}`, advice: 'Save the file as UTF-8.' })
  }
  const text = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .replaceAll('\r\n', '\n')
  const heading = /\.txt$/i.test(name) ? null : /^\s*#[ \t]+(.+?)[ \t]*#*[ \t]*(?:\n|$)/.exec(text)
  return {
    _id: name.replace(/\s/gu, (blank) => encodeURIComponent(blank)),
    title: heading?.[1] ?? '',
    text: (heading ? text.slice(heading[0].length) : text).trim(),
  }
}

// Where the longest prefix of whole lines ends that is valid.
function firstInvalid(bytes: Buffer): number {
  let start = 0
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
    if (!isUtf8(bytes.subarray(start, end))) break
    start = end + 1
  }
  return start
}
