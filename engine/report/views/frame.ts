import { stripVTControlCharacters } from 'node:util'
import { textWidth } from '../../util/text-width.ts'

/** What a frame needs of a terminal. */
export interface FrameTerminal {
  columns?: number
  rows?: number
  write(text: string): unknown
}

const UP = (rows: number): string => (rows > 0 ? `\u001b[${rows}A` : '')
const DOWN = (rows: number): string => (rows > 0 ? `\u001b[${rows}B` : '')
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * Lines at the end of a terminal that are drawn again and again. Of each frame only the lines that changed are written, in
 * one piece, so that nothing flickers; nothing at all is written where nothing changed. The cursor rests below them.
 */
export class Frame {
  readonly #terminal: FrameTerminal
  #lines: readonly string[] = []
  #columns = 0
  #rows = 0

  constructor(terminal: FrameTerminal) {
    this.#terminal = terminal
  }

  draw(text: string): void {
    const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
    const { columns = 80, rows = 24 } = this.#terminal
    // A terminal of another size has moved and wrapped what stood there: all of it is drawn anew.
    const isMoved =
      this.#lines.length > 0 && (columns !== this.#columns || (rows !== this.#rows && this.#lines.length >= rows))
    const out = isMoved ? this.#erasing(columns, rows) + whole(lines) : changes(this.#lines, lines)
    this.#lines = lines
    this.#columns = columns
    this.#rows = rows
    if (out !== '') this.#terminal.write(out)
  }

  /** Takes the lines away; the cursor is where the first one was. */
  clear(): void {
    const { columns = 80, rows = 24 } = this.#terminal
    if (this.#lines.length > 0) this.#terminal.write(this.#erasing(columns, rows))
    this.#lines = []
  }

  /** Lets the lines stand where they are: the next frame is drawn below whatever comes meanwhile. */
  leave(): void {
    this.#lines = []
  }

  #erasing(columns: number, rows: number): string {
    let height = 0
    for (const line of this.#lines)
      height += Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / columns))
    // What left the screen at its top can't be reached any more.
    return `${UP(Math.min(height, rows - 1))}\r${CLEAR_BELOW}`
  }
}

function whole(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join('')
}

function changes(old: readonly string[], lines: readonly string[]): string {
  let out = ''
  let at = old.length
  const go = (row: number): void => {
    out += row < at ? UP(at - row) : DOWN(row - at)
    at = row
  }
  for (const [row, line] of lines.entries()) {
    if (row < old.length && old[row] === line) continue
    go(row)
    out += `\r${line}${CLEAR_LINE}`
    // Only a line feed makes the terminal scroll.
    if (row < old.length) continue
    out += '\r\n'
    at++
  }
  if (lines.length < old.length) {
    go(lines.length)
    out += `\r${CLEAR_BELOW}`
  }
  if (out === '') return ''
  go(lines.length)
  return `${out}\r`
}
