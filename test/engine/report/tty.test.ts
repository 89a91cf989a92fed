import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { textWidth } from '../../../engine/util/text-width.ts'
import { hasTmux, Terminal } from '../../rig/tmux.ts'

const fixture = fileURLToPath(new URL('./fixtures/tty-run.ts', import.meta.url))

/** Plays the fixture in a terminal until it has ended; every different screen that was seen, and the terminal. */
async function play(columns: number, rows: number, how = ''): Promise<{ seen: string[][]; terminal: Terminal }> {
  const terminal = new Terminal(`${process.execPath} --import tsx ${fixture} ${how}`, { columns, rows })
  await terminal.over()
  return { seen: terminal.seen(), terminal }
}

test.skipIf(!hasTmux)('121 nodes never need more lines than the screen has, and every frame is whole', async () => {
  const { seen } = await play(100, 14)
  const live = seen.filter((screen) => screen.length > 0 && !screen.includes('a stray line of another module'))
  expect(live.length).toBeGreaterThan(1)
  for (const screen of live) {
    expect(screen.length).toBeLessThanOrEqual(10)
    expect(screen.filter((line) => line.includes(' of 121 nodes'))).toHaveLength(1)
    expect(screen[0]).toMatch(/ demo: \d+ of 121 nodes/)
  }
  expect(live.some((screen) => screen.some((line) => /density=\d,scale=0\.\d {2}\d\d\/50/.test(line)))).toBe(true)
})

test.skipIf(!hasTmux)('the last frame stays, and what others wrote meanwhile follows it untorn', async () => {
  const last = (await play(100, 40)).seen.at(-1) as string[]
  expect(last[0]).toMatch(/^✖ demo: 121 of 121 nodes, [\d.]+ s, 363 requests sent/)
  expect(last.filter((line) => line.includes('✔ queries: 20 executed'))).toHaveLength(1)
  expect(last.filter((line) => line.includes('✖ data: 16 executed, 4 failed'))).toHaveLength(1)
  expect(last.filter((line) => line === 'a stray line of another module')).toHaveLength(4)
  expect(last.slice(-2)).toEqual(['the summary comes after it', 'over 0'])
})

test.skipIf(!hasTmux)('a narrow terminal and an interrupted run leave the terminal as it was', async () => {
  const { seen, terminal } = await play(40, 24, 'interrupted')
  const last = seen.at(-1) as string[]
  expect(last[0]).toMatch(/^↓ demo: \d+ of 121 nodes/)
  expect(last.every((line) => line.length <= 40)).toBe(true)
  expect(terminal.hasCursor).toBe(true)
})

test.skipIf(!hasTmux)('a process that ends in the middle of a frame leaves no terminal without a cursor', async () => {
  const { terminal } = await play(80, 24, 'crashed')
  expect(terminal.hasCursor).toBe(true)
})

test.skipIf(!hasTmux)('wide characters are cut at the edge', async () => {
  const { seen } = await play(40, 24, 'wide')
  const wide = seen.flat().filter((line) => line.includes('検索'))
  expect(wide.length).toBeGreaterThan(0)
  for (const line of seen.flat()) expect(textWidth(line)).toBeLessThanOrEqual(40)
  expect(wide.some((line) => line.endsWith('…'))).toBe(true)
})
