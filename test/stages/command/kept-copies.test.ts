import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { hexOf, sha256 } from '../../../cache/digest.ts'
import { seededRandom } from '../../../engine/util/seeded-random.ts'
import { type Copy, copyOf, KeptCopies, type WantedFile } from '../../../stages/command/kept-copies.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

let home: string
let runs = 0

beforeEach(() => {
  home = temporaryFolder()
})

type Texts = { readonly [path: string]: string }

const digestOf = (text: string): string => `sha256:${hexOf(sha256(text))}`
const wantedOf = (texts: Texts): Map<string, WantedFile> =>
  new Map(Object.entries(texts).map(([path, text]) => [path, { digest: digestOf(text), executable: false }]))

/** One execution: places what does not stand there, lets `command` do as it likes, and has all kept. */
async function execution(
  texts: Texts,
  command: (folder: string) => void = () => {},
): Promise<{ found: { [path: string]: string }; placed: string[] }> {
  const scratch = join(home, `run-${++runs}`)
  const target = join(scratch, 'in')
  const kept = new KeptCopies(join(home, 'copies'), scratch)
  const copies = kept.take('kin', target, wantedOf(texts))
  const placed: string[] = []
  for (const [path, { digest }] of wantedOf(texts)) {
    if (copies.has(path)) continue
    const location = join(target, path)
    mkdirSync(dirname(location), { recursive: true })
    writeFileSync(location, texts[path] as string, { flag: 'wx' })
    const stat = lstatSync(location, { bigint: true })
    copies.set(path, copyOf({ digest: digest as string, executable: false }, stat) satisfies Copy)
    placed.push(path)
  }
  const found = filesOf(target)
  expect(await kept.settled(copies.values())).toBe(true)
  command(target)
  kept.keep('kin', target, copies)
  return { found, placed }
}

function filesOf(folder: string): { [path: string]: string } {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .sort()
      .flatMap((path) => {
        const stat = lstatSync(join(folder, path))
        if (stat.isDirectory()) return []
        return [
          [
            path,
            stat.isFile()
              ? readFileSync(join(folder, path), 'utf8') + (stat.mode & 0o111 ? ' (a program)' : '')
              : 'no file',
          ],
        ]
      }),
  )
}

const TEXTS: Texts = { 'a.txt': 'one', 'b.txt': 'two', 'deep/c.txt': 'six', 'deep/er/d.txt': 'ten' }

test('what a command left alone is placed no second time, what is new or another is, what is gone goes', async () => {
  expect((await execution(TEXTS)).placed).toEqual(Object.keys(TEXTS))
  expect((await execution(TEXTS)).placed).toEqual([])
  const { 'b.txt': _, ...rest } = TEXTS
  const next = { ...rest, 'a.txt': 'two', 'deep/new.txt': 'one' }
  const { placed, found } = await execution(next)
  expect(placed).toEqual(['a.txt', 'deep/new.txt'])
  expect(found).toEqual(next)
})

test('a folder that a command closed or opened to all is as it was for the next', async () => {
  const modes: number[] = []
  const look = (folder: string): void => {
    modes.push(...['.', 'deep', 'deep/er'].map((at) => lstatSync(join(folder, at)).mode & 0o7777))
  }
  await execution(TEXTS, look)
  await execution(TEXTS, (folder) => {
    chmodSync(join(folder, 'deep/er'), 0o1777)
    chmodSync(join(folder, 'deep'), 0o500)
    chmodSync(folder, 0o700)
  })
  expect((await execution(TEXTS, look)).placed).toEqual([])
  expect(modes.slice(3)).toEqual(modes.slice(0, 3))
})

type Deed = (path: string, other: string) => void

/** What a command may do to a copy. */
const DEEDS: { readonly [name: string]: Deed } = {
  append: (path) => appendFileSync(path, 'more'),
  'write as many bytes in place': (path) => {
    const fd = openSync(path, 'r+')
    writeSync(fd, 'XXX')
    closeSync(fd)
  },
  'write as many bytes and set the time back': (path) => {
    const { atime, mtime } = lstatSync(path)
    writeFileSync(path, 'YYY')
    utimesSync(path, atime, mtime)
  },
  remove: (path) => unlinkSync(path),
  'make a folder of it': (path) => {
    unlinkSync(path)
    mkdirSync(path)
    writeFileSync(join(path, 'x'), 'x')
  },
  'replace by a link': (path, other) => {
    unlinkSync(path)
    symlinkSync(other, path)
  },
  swap: (path, other) => {
    renameSync(path, `${path}~`)
    renameSync(other, path)
    renameSync(`${path}~`, other)
  },
  'add a file': (path) => writeFileSync(`${path}.new`, 'new'),
  'add a folder': (path) => {
    mkdirSync(`${path}.d/deep`, { recursive: true })
    writeFileSync(`${path}.d/deep/x`, 'x')
  },
  'write through a second name': (path) => {
    const name = join(home, `name-${++runs}`)
    linkSync(path, name)
    appendFileSync(name, '!')
  },
  'give another mode': (path) => chmodSync(path, 0o755),
  'remove its folder': (path) => rmSync(dirname(path), { recursive: true }),
}

test.each(Object.entries(DEEDS))(
  'whatever a command does to its copies, the next is given what it should: %s',
  async (_, deed) => {
    for (const path of Object.keys(TEXTS)) {
      await execution(TEXTS, (folder) => deed(join(folder, path), join(folder, path === 'a.txt' ? 'b.txt' : 'a.txt')))
      expect((await execution(TEXTS)).found).toEqual(TEXTS)
    }
  },
)

test('any number of deeds in a row, with inputs that change, in 150 executions', async () => {
  const random = seededRandom(20)
  let texts: { [path: string]: string } = {}
  const names = Array.from({ length: 40 }, (_, at) => `${'d/'.repeat(at % 3)}${at}.txt`)
  let placed = 0
  let all = 0
  for (let at = 0; at < 150; at++) {
    texts = { ...texts }
    for (let change = random.below(4); change > 0; change--) {
      const name = names[random.below(names.length)] as string
      if (random.below(3) === 0) delete texts[name]
      else texts[name] = String(random.below(900) + 100)
    }
    const result = await execution(texts, (folder) => {
      const there = Object.keys(texts)
      for (let deeds = random.below(3); deeds > 0 && there.length > 1; deeds--) {
        const [path, other] = [there[random.below(there.length)], there[random.below(there.length)]] as [string, string]
        const deed = Object.values(DEEDS)[random.below(Object.keys(DEEDS).length)] as Deed
        try {
          deed(join(folder, path), join(folder, other))
        } catch {
          // A deed before has taken it away.
        }
      }
    })
    expect(result.found).toEqual(Object.fromEntries(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1))))
    placed += result.placed.length
    all += Object.keys(texts).length
  }
  expect(placed).toBeLessThan(all / 2)
})

test('nothing is kept over a start of the machine, and nothing of a file of stats that is damaged', async () => {
  await execution(TEXTS)
  const damages: ((text: string) => string)[] = [
    (text) => text.replace(/"boot":"[^"]*"/, '"boot":"another"'),
    (text) => text.slice(0, -20),
    () => '{}',
    () => '{"boot":1,"files":[null,3]}',
    () => '',
  ]
  for (const damage of damages) {
    const [name] = readdirSync(join(home, 'copies', 'kin')) as [string]
    const stats = join(home, 'copies', 'kin', name, 'stats')
    writeFileSync(stats, damage(readFileSync(stats, 'utf8')))
    const { found, placed } = await execution(TEXTS)
    expect(found).toEqual(TEXTS)
    expect(placed).toEqual(Object.keys(TEXTS))
  }
})

test('two that run at once share no folder, and no more than eight are kept', async () => {
  await execution(TEXTS)
  const one = new KeptCopies(join(home, 'copies'), join(home, 'one'))
  const other = new KeptCopies(join(home, 'copies'), join(home, 'other'))
  expect(one.take('kin', join(home, 'one', 'in'), wantedOf(TEXTS)).size).toBe(4)
  expect(other.take('kin', join(home, 'other', 'in'), wantedOf(TEXTS)).size).toBe(0)
  for (let at = 0; at < 12; at++) {
    const folder = join(home, `folder-${at}`)
    mkdirSync(folder)
    one.keep(at % 2 === 0 ? 'even' : 'odd', folder, new Map())
  }
  const kept = ['even', 'odd'].flatMap((kin) => readdirSync(join(home, 'copies', kin)))
  expect(kept).toHaveLength(8)
  // Those that were kept first are gone.
  expect(other.take('odd', join(home, 'other', 'in'), new Map()).size).toBe(0)
})

test('what can be kept nowhere is no error', () => {
  writeFileSync(join(home, 'file'), '')
  const kept = new KeptCopies(join(home, 'file'), join(home, 'scratch'))
  expect(kept.take('kin', join(home, 'in'), wantedOf(TEXTS)).size).toBe(0)
  mkdirSync(join(home, 'in'))
  kept.keep('kin', join(home, 'in'), new Map())
})
