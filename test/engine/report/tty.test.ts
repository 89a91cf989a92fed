import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const hasTmux = spawnSync('tmux', ['-V']).status === 0
if (!hasTmux) console.warn('tmux is not there: the view on a terminal is not tried')

const fixture = fileURLToPath(new URL('./fixtures/tty-run.ts', import.meta.url))

// A server that is just ending refuses a new session: each test has one of its own.
let socket = ''
let servers = 0
const tmux = (...words: string[]): string => execFileSync('tmux', ['-L', socket, ...words], { encoding: 'utf8' })
beforeEach(() => {
  socket = `queryloom-test-${process.pid}-${servers++}`
})
afterEach(() => {
  if (hasTmux) spawnSync('tmux', ['-L', socket, 'kill-server'])
})

/** Plays the fixture in a terminal and returns every different screen until it has ended. */
async function screens(columns: number, rows: number, how = ''): Promise<string[][]> {
  const command = `${process.execPath} --import tsx ${fixture} ${how}; echo over; exec cat`
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), command)
  const seen: string[][] = []
  for (;;) {
    const screen = tmux('capture-pane', '-p')
      .split('\n')
      .filter((line) => line.trim() !== '')
    if (screen.join() !== seen.at(-1)?.join()) seen.push(screen)
    if (screen.at(-1) === 'over') return seen
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

test.skipIf(!hasTmux)('121 nodes never need more lines than the screen has, and every frame is whole', async () => {
  const seen = await screens(100, 14)
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
  const last = (await screens(100, 40)).at(-1) as string[]
  expect(last[0]).toMatch(/^✖ demo: 121 of 121 nodes, [\d.]+ s, 363 requests sent/)
  expect(last.filter((line) => line.includes('✔ queries: 20 executed'))).toHaveLength(1)
  expect(last.filter((line) => line.includes('✖ data: 16 executed, 4 failed'))).toHaveLength(1)
  expect(last.filter((line) => line === 'a stray line of another module')).toHaveLength(4)
  expect(last.slice(-2)).toEqual(['the summary comes after it', 'over'])
})

test.skipIf(!hasTmux)('a narrow terminal and an interrupted run leave the terminal as it was', async () => {
  const last = (await screens(40, 24, 'interrupted')).at(-1) as string[]
  expect(last[0]).toMatch(/^↓ demo: \d+ of 121 nodes/)
  expect(last.every((line) => line.length <= 40)).toBe(true)
  expect(tmux('display-message', '-p', '#{cursor_flag}').trim()).toBe('1')
})
