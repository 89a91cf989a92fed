import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { type FileDigest, sha256 } from '../../cache/digest.ts'
import type { Diagnostic, DiagnosticCode, Position } from './diagnostic.ts'

/** Largest pipeline file, in bytes. */
export const MAX_SOURCE_BYTES = 8_388_608

/** Text of one file, and the way from an offset in it to line and column. */
export class Source {
  readonly file: string
  readonly text: string
  /** Of the bytes as they stand in the file. */
  readonly digest: FileDigest
  readonly #lineStarts: number[] = [0]

  constructor(file: string, text: string, digest: FileDigest) {
    this.file = file
    this.text = text
    this.digest = digest
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1)
  }

  /** The place from one offset to another (UTF-16 units); only the part on the first line is marked. */
  position(start: number, end: number): Position {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#lineStarts[middle]! <= start) low = middle
      else high = middle - 1
    }
    const lineStart = this.#lineStarts[low]!
    let lineEnd = low + 1 < this.#lineStarts.length ? this.#lineStarts[low + 1]! - 1 : this.text.length
    if (this.text[lineEnd - 1] === '\r') lineEnd -= 1
    const stop = Math.min(end, lineEnd)
    const marked = this.text.slice(start, stop).trimEnd().length
    return { file: this.file, line: low + 1, column: start - lineStart + 1, length: Math.max(1, marked) }
  }
}

/** Reads a pipeline file as UTF-8 (a byte order mark is dropped), or says why it can't be read. */
export function readSource(file: string): Source | Diagnostic {
  let bytes: Buffer
  try {
    const stat = statSync(file)
    if (stat.isDirectory())
      return problem(file, 'file-unreadable', 'this is a folder, not a pipeline file', 'Name a file in it.')
    if (stat.size > MAX_SOURCE_BYTES) return tooLarge(file, stat.size)
    bytes = readFileSync(file)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return problem(file, 'file-missing', 'there is no such file', 'A path is relative to the current folder.')
    return problem(
      file,
      'file-unreadable',
      `the file can't be read (${code ?? String(error)})`,
      'Who runs this must be allowed to read it.',
    )
  }
  if (bytes.length > MAX_SOURCE_BYTES) return tooLarge(file, bytes.length)
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return problem(file, 'file-unreadable', 'the file is UTF-16', 'Save it as UTF-8.')
  }
  if (!isUtf8(bytes)) {
    const line = firstBadLine(bytes)
    return { ...problem(file, 'file-unreadable', 'this line is not valid UTF-8', 'Save the file as UTF-8.'), line }
  }
  const text = bytes.toString('utf8')
  return new Source(file, text.startsWith('\uFEFF') ? text.slice(1) : text, sha256(bytes))
}

function tooLarge(file: string, size: number): Diagnostic {
  const message = `the file has ${size} bytes; at most ${MAX_SOURCE_BYTES} are read`
  return problem(file, 'too-large', message, 'Is it the right one? Data belongs into files that stages name.')
}

function problem(file: string, code: DiagnosticCode, message: string, advice?: string): Diagnostic {
  return { file, line: 1, column: 1, length: 1, severity: 'error', code, message, ...(advice ? { advice } : {}) }
}

function firstBadLine(bytes: Buffer): number {
  let start = 0
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, start)
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line
    start = end + 1
  }
}
