import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Frame } from '../../../engine/report/views/frame.ts'

/** A terminal that understands what frames are written with: movements, clearing, line feeds that scroll. */
class Emulated {
  columns = 40
  rows = 12
  lines: string[] = ['$ run', '']
  writes: string[] = []
  #row = 1
  #column = 0

  write(text: string): void {
    this.writes.push(text)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's own characters
    for (const [part] of text.matchAll(/\u001b\[(\d*)([A-Z])|\r|\n|[^\u001b\r\n]+/g)) {
      const control = /\[(\d*)([A-Z])/.exec(part)
      const by = Number(control?.[1] || 1)
      if (part === '\r') this.#column = 0
      else if (part === '\n') {
        this.#row++
        if (this.#row === this.lines.length) this.lines.push('')
      } else if (!part.startsWith('\u001b')) this.#put(part)
      else if (control?.[2] === 'A') this.#row = Math.max(0, this.#row - by)
      else if (control?.[2] === 'B') this.#row = Math.min(this.lines.length - 1, this.#row + by)
      else if (control?.[2] === 'K') this.lines[this.#row] = this.lines[this.#row]!.slice(0, this.#column)
      else if (control?.[2] === 'J') {
        this.lines.length = this.#row + 1
        this.lines[this.#row] = this.lines[this.#row]!.slice(0, this.#column)
      } else throw new Error(`not understood: ${JSON.stringify(part)}`)
    }
  }

  #put(text: string): void {
    const line = this.lines[this.#row]!.padEnd(this.#column)
    this.lines[this.#row] = line.slice(0, this.#column) + text + line.slice(this.#column + text.length)
    this.#column += text.length
  }
}

test('whatever frames follow each other, the terminal shows the last one and what stood above it', () => {
  const frames = fc.array(
    fc.array(fc.constantFrom('a', 'bb', 'a longer line', 'another of 24 places..', ''), { maxLength: 9 }),
    {
      maxLength: 12,
    },
  )
  fc.assert(
    fc.property(frames, (list) => {
      const terminal = new Emulated()
      const frame = new Frame(terminal)
      for (const lines of list) {
        frame.draw(lines.map((line) => `${line}\n`).join(''))
        expect(terminal.lines).toEqual(['$ run', ...lines, ''])
      }
      frame.clear()
      expect(terminal.lines).toEqual(['$ run', ''])
    }),
    { seed: 11, numRuns: 300 },
  )
})

test('only lines that changed are written, in one piece, and nothing where nothing changed', () => {
  const terminal = new Emulated()
  const frame = new Frame(terminal)
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i} of twenty, with some text after it`)
  frame.draw(lines.join('\n'))
  frame.draw(lines.join('\n'))
  expect(terminal.writes).toHaveLength(1)
  frame.draw(lines.with(7, 'line 7 is another now').join('\n'))
  expect(terminal.writes).toHaveLength(2)
  expect(terminal.writes[1]).toContain('line 7 is another now')
  expect(terminal.writes[1]).not.toContain('line 8')
  expect(terminal.writes[1]!.length).toBeLessThan(50)
})

test('a terminal that became narrower has wrapped the lines that stood there: all of their rows are taken back', () => {
  const terminal = new Emulated()
  const frame = new Frame(terminal)
  frame.draw(`${'x'.repeat(35)}\nshort`)
  terminal.columns = 20
  terminal.writes = []
  frame.draw('x\nshort')
  expect(terminal.writes).toEqual(['\u001b[3A\r\u001b[Jx\r\nshort\r\n'])
})
