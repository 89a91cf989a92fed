import { appendFileSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { seededRandom } from '../../engine/util/seeded-random.ts'
import { folderDigest } from '../rig/folder-digest.ts'
import { ended, Project } from '../rig/project.ts'

const FILES = 600
const nameOf = (at: number): string => `${at % 7}/${String(at).padStart(4, '0')}.txt`

/** A command that reads a folder of many files, and so is given copies that are kept from run to run. */
function project(run: string): Project {
  const files = Object.fromEntries(Array.from({ length: FILES }, (_, at) => [`src/${nameOf(at)}`, `text ${at}\n`]))
  return new Project({
    ...files,
    'p.yaml': `version: 1\nstages:\n  c: { uses: command, with: { run: ${JSON.stringify(run)}, inputs: { in: src }, outputs: { o: o } } }\n`,
  })
}

const DIGEST = `(cd in && find . -type f | LC_ALL=C sort | sed 's,^./,,' | xargs sha256sum) | sha256sum > o`
const outputOf = (made: Project): string => readFileSync(join(made.folder, 'out/p/c/o/o'), 'utf8')
const change = (made: Project, at: number, text: string): void =>
  writeFileSync(join(made.folder, 'src', nameOf(at)), text)
const digestOf = (made: Project): string => `${folderDigest(join(made.folder, 'src'))}  -\n`

test('of a folder of which one file is another, one file is copied', async () => {
  const made = project('find in -type f -printf "%f %C@\\n" | sort > o')
  await made.run('p.yaml')
  const before = outputOf(made).trim().split('\n')
  expect(before).toHaveLength(FILES)
  change(made, 17, 'other\n')
  const { executed } = await made.run('p.yaml')
  expect(executed).toEqual(['c'])
  const after = outputOf(made).trim().split('\n')
  expect(after.filter((line, at) => line !== before[at])).toEqual([expect.stringMatching(/^0017\.txt /)])
})

test('what a command does to its copies, or has done when it has ended, meets neither the originals nor the next run', async () => {
  const late = `setsid -f sh -c 'while :; do echo late >> in/1/0001.txt || exit; sleep 0.005; done'`
  const made = project(`${DIGEST}; echo x >> in/0/0000.txt; rm in/2/0002.txt; echo new > in/new; rm -r in/6; ${late}`)
  for (let at = 0; at < 4; at++) {
    change(made, 100 + at, `run ${at}\n`)
    const { executed } = await made.run('p.yaml')
    expect(executed).toEqual(['c'])
    expect(outputOf(made)).toBe(digestOf(made))
  }
})

test('a run that is killed wherever it is costs copies and no result', async () => {
  const made = project(
    `echo x >> in/3/0003.txt; rm in/3/0010.txt; mv in/4 in/five; sleep 0.05; mv in/five in/4; echo "text 10" > in/3/0010.txt; echo "text 3" > in/3/0003.txt; ${DIGEST}`,
  )
  const random = seededRandom(7)
  let kills = 0
  for (let at = 0; kills < 8; at++) {
    change(made, 200 + at, `kill ${at}\n`)
    const child = made.start('run', 'p.yaml', '--quiet')
    const killed = delay(150 + random.below(900)).then(
      () => child.exitCode === null && process.kill(-(child.pid as number), 'SIGKILL'),
    )
    const { status } = await ended(child)
    await killed
    if (status !== 0) kills++
    if (status !== 0 && at % 3 !== 0) continue
    const { finished } = await made.run('p.yaml')
    expect(finished.nodes.failed).toBe(0)
    expect(outputOf(made)).toBe(digestOf(made))
  }
})

test('a file of the folder that changes while the command runs makes the node fail', async () => {
  const made = project(`${DIGEST}; echo >> "$SOURCE"`)
  const text = readFileSync(join(made.folder, 'p.yaml'), 'utf8')
  made.write('p.yaml', text.replace('$SOURCE', join(made.folder, 'src', nameOf(5))))
  const { status, events } = await made.run('p.yaml')
  expect(status).toBe(1)
  expect(events.find(({ type }) => type === 'node-failed')).toMatchObject({
    failure: { message: expect.stringContaining('changed while c was running') },
  })
})

test('what was edited where copies are kept is not given to a command', async () => {
  const made = project(DIGEST)
  await made.run('p.yaml')
  const kept = (): string[] => {
    const root = join(made.folder, '.queryloom/copies')
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.txt'))
      .map((path) => join(root, path))
      .sort()
  }
  const [first, second, third] = kept() as [string, string, string]
  expect(statSync(first).size).toBeGreaterThan(0)
  appendFileSync(first, 'edited')
  renameSync(second, third)
  change(made, 300, 'so that it runs\n')
  await made.run('p.yaml')
  expect(outputOf(made)).toBe(digestOf(made))
  expect(kept()).toHaveLength(FILES)
})
