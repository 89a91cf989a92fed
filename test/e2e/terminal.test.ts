import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { textWidth } from '../../engine/util/text-width.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { hasTmux, Terminal } from '../rig/tmux.ts'

const MAIN = join(packageRoot, 'dist/engine/cli/main.js')

/** What differs from run to run is masked: times, speeds, ids; and what models score, which is no matter of the screen. */
function masked(terminal: Terminal, project: Project): string {
  const lines = terminal.unbroken()
  // Above the last frame stands what a screen that grew took back from its history.
  const from = Math.max(
    0,
    lines.findLastIndex((line) => /^[✔✖↓] \w+: \d+ of \d+ nodes/.test(line)),
  )
  const text = lines.slice(from).join('\n').replaceAll(project.folder, 'PROJECT')
  return `${text
    .replace(/\b\d+ min \d\d s\b|\b\d+(\.\d+)? s\b/g, 'T s')
    .replace(/\b\d\.\d{4}\b/g, 'F.FFFF')
    .replace(/\d{8}T\d{6}-[0-9a-f]{6}/g, 'RUN')
    .replace(/[\d.]+ (KiB|MiB|B) hashed/g, 'N hashed')}\n`
}

function open(project: Project, words: string, columns: number, rows: number): Terminal {
  return new Terminal(`NO_COLOR=1 CI= node ${MAIN} ${words}`, { columns, rows }, project.folder)
}

/** Three stages over some axes; `first` begins the command of the first. */
function sweep(axes: string, first = ''): string {
  return `version: 1
name: sweep
params: { a: 1, b: 1 }
stages:
  first:
    uses: command
    with: { run: "sleep 0.2; ${first}echo \${params.a} \${params.b} > o", outputs: { out: { path: o } } }
  second:
    uses: command
    with: { run: "sleep 0.2; cat in > o", inputs: { in: "\${stages.first.out}" }, outputs: { out: { path: o } } }
  third:
    uses: command
    with: { run: "sleep 0.1; cat in > o", inputs: { in: "\${stages.second.out}" }, outputs: { out: { path: o } } }
sweep: { axes: { ${axes} } }
`
}

/** What holds for every screen on which a run is drawn. */
function expectWhole(screens: readonly (readonly string[])[], name: string, columns: number, rows: number): void {
  for (const screen of screens) {
    expect(screen.length).toBeLessThan(rows)
    for (const line of screen) expect(textWidth(line)).toBeLessThanOrEqual(columns)
    expect(screen.filter((line) => line.includes(` ${name}: `)).length, screen.join('\n')).toBeLessThanOrEqual(1)
  }
}

test.skipIf(!hasTmux).each([
  [80, 24],
  [200, 50],
])(
  'a run of every stage on a terminal of %d × %d: rows, requests and speeds while it goes on, then the results',
  async (columns, rows) => {
    const server = await fakeOpenai(async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 150))
      return { ...writtenBy(request), usage: { input: 40, output: 10 } }
    })
    const project = new Project(smallProject(server.url, 60))
    const terminal = open(project, 'run pipeline.yaml', columns, rows)
    await terminal.over()
    const seen = terminal.seen()
    const live = seen.filter((screen) => /^. small: \d of 7 nodes/.test(screen[0] ?? '') && !screen.includes('over 0'))
    expectWhole(live, 'small', columns, rows)
    const lines = live.flat()
    expect(lines.some((line) => /^. queries: \d+\/60/.test(line))).toBe(true)
    expect(lines.some((line) => /^. small: .* requests sent, [\d.]+\/s, [\d,]+ tokens\/s$/.test(line))).toBe(true)
    expect(terminal.hasCursor).toBe(true)
    await expect(masked(terminal, project)).toMatchFileSnapshot(`./golden/terminal-small-${columns}x${rows}.txt`)
  },
)

test.skipIf(!hasTmux)(
  '120 nodes in a window that changes its size: never more lines than it has, nothing torn',
  async () => {
    const project = new Project({ 'sweep.yaml': sweep('a: [1, 2, 3, 4, 5, 6, 7, 8], b: [1, 2, 3, 4, 5]') })
    const terminal = open(project, 'run sweep.yaml -j 8', 200, 50)
    // What left a screen that shrank is in the terminal's history, from which a screen that grows takes it back.
    const frame = (screen: string[]): string[] =>
      screen.slice(screen.findLastIndex((line) => line.includes(' sweep: ')))
    const ended = (screen: string[]): number =>
      Number(/sweep: (\d+) of 120 nodes/.exec(frame(screen)[0] ?? '')?.[1] ?? 0)
    const isOver = (screen: string[]): boolean => screen.at(-1) === 'over 0'
    let size: [number, number] = [200, 50]
    for (const [until, columns, rows] of [
      [20, 80, 24],
      [45, 40, 12],
      [70, 120, 30],
    ] as const) {
      await terminal.until((screen) => ended(screen) >= until || isOver(screen))
      expectWhole(terminal.seen().map(frame), 'sweep', ...size)
      terminal.resize(columns, rows)
      size = [columns, rows]
      // The frame that comes next is drawn for the new size.
      const before = ended(terminal.screen())
      await terminal.until((screen) => ended(screen) > before || isOver(screen))
      terminal.seen()
    }
    await terminal.over()
    expectWhole(terminal.seen().map(frame), 'sweep', ...size)
    expect(terminal.hasCursor).toBe(true)
    await expect(masked(terminal, project)).toMatchFileSnapshot('./golden/terminal-sweep.txt')
  },
)

test.skipIf(!hasTmux).each([
  [80, 24],
  [200, 50],
])(
  'a failing node on a terminal of %d × %d has a line at once, and is told in full at the end',
  async (columns, rows) => {
    const project = new Project({ 'sweep.yaml': sweep('a: [3], b: [1, 2, 3, 4]', 'test ${params.b} -ne 4 && ') })
    const terminal = open(project, 'run sweep.yaml -j 8', columns, rows)
    await terminal.until((screen) => screen.some((line) => line.startsWith('✖   first[a=3,b=4]: ')))
    expectWhole(terminal.seen(), 'sweep', columns, rows)
    await terminal.over()
    await expect(masked(terminal, project)).toMatchFileSnapshot(`./golden/terminal-failing-${columns}x${rows}.txt`)
  },
)

test.skipIf(!hasTmux).each([
  [80, 24],
  [200, 50],
])(
  'Ctrl-C on a terminal of %d × %d says what it does, ends in order, and leaves it as it was',
  async (columns, rows) => {
    let answered = 0
    const server = await fakeOpenai(async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      answered++
      return writtenBy(request)
    })
    const project = new Project(smallProject(server.url, 200))
    const terminal = open(project, 'run pipeline.yaml', columns, rows)
    await terminal.until(() => answered > 4)
    expect(terminal.hasCursor).toBe(false)
    terminal.press('C-c')
    await terminal.over()
    expect(terminal.seen().flat()).toContain('◼ stopping: what is in flight may finish; Ctrl-C again ends at once')
    expect(terminal.hasCursor).toBe(true)
    const shown = masked(terminal, project)
      .replace(/\b\d+ (requests? sent)/g, 'N $1')
      .replace(/requests \d+ sent/, 'requests N sent')
    await expect(shown).toMatchFileSnapshot(`./golden/terminal-interrupted-${columns}x${rows}.txt`)
  },
)

test.skipIf(!hasTmux)('Ctrl-Z gives the shell its terminal, and fg goes on where it was', async () => {
  const project = new Project({
    'p.yaml': `version: 1
name: small
stages:
  work: { uses: command, with: { run: "while [ ! -e $GO/go ]; do sleep 0.1; done; echo x > a", outputs: { a: a } }, pass_env: [GO] }
`,
  })
  const shell = `GO=${project.folder} PS1='> ' NO_COLOR=1 CI= bash --norc -i`
  const terminal = new Terminal(shell, { columns: 80, rows: 24 }, project.folder)
  await terminal.until((screen) => screen.at(-1) === '>')
  terminal.type(`node ${MAIN} run p.yaml`)
  await terminal.until((screen) => screen.some((line) => /^. work: running/.test(line)))
  expect(terminal.hasCursor).toBe(false)
  terminal.press('C-z')
  await terminal.until((screen) => screen.some((line) => /Stopped/.test(line)) && screen.at(-1) === '>')
  expect(terminal.hasCursor).toBe(true)
  terminal.type('echo still here')
  await terminal.until((screen) => screen.includes('still here'))
  terminal.type('fg')
  const screen = await terminal.until((lines) => lines.filter((line) => /^. work: running/.test(line)).length === 2)
  expect(terminal.hasCursor).toBe(false)
  // Nothing that was said meanwhile is drawn over.
  expect(screen).toContain('still here')
  expect(screen).toContain('> fg')
  project.write('go', '')
  await terminal.until((lines) => lines.some((line) => /1 node executed/.test(line)) && lines.at(-1) === '>')
  expect(terminal.hasCursor).toBe(true)
})
