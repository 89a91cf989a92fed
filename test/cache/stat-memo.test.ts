import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../cache/digest.ts'
import { openStatMemo } from '../../cache/stat-memo.ts'
import { freshFolders, lateClock, untilLaterThan } from './support.ts'

const freshFolder = freshFolders()

describe('a digest', () => {
  test('is the sha256 of the bytes, in one read or in pieces', async () => {
    const folder = freshFolder()
    const memo = openStatMemo(join(folder, 'memo.log'))
    for (const size of [0, 1, 1 << 20, (1 << 20) + 1, 5_000_000]) {
      const path = join(folder, `f${size}`)
      const bytes = Buffer.alloc(size, 'queryloom')
      writeFileSync(path, bytes)
      expect(await memo.digest(path)).toBe(sha256(bytes))
      expect(memo.digestSync(path)).toBe(sha256(bytes))
    }
  })

  test('is not read again while the stat is the same, also by the next process', async () => {
    const folder = freshFolder()
    const path = join(folder, 'input')
    writeFileSync(path, 'abc')
    const first = openStatMemo(join(folder, 'memo.log'), lateClock(folder))
    expect(first.peek(path)).toBeUndefined()
    await first.digest(path)
    await first.digest(path)
    expect(first.bytesHashed).toBe(3)
    first.close()
    const second = openStatMemo(join(folder, 'memo.log'), lateClock(folder))
    expect(second.peek(path)).toBe(sha256('abc'))
    expect(await second.digest(path)).toBe(sha256('abc'))
    expect(second.bytesHashed).toBe(0)
  })

  test('survives a rename of the file and is made anew after a touch', async () => {
    const folder = freshFolder()
    const path = join(folder, 'input')
    writeFileSync(path, 'abc')
    const memo = openStatMemo(join(folder, 'memo.log'), lateClock(folder))
    await memo.digest(path)
    utimesSync(path, 1, 1)
    expect(memo.peek(path)).toBeUndefined()
    expect(await memo.digest(path)).toBe(sha256('abc'))
    expect(memo.bytesHashed).toBe(6)
  })

  test('notices an edit that keeps size and mtime', async () => {
    const folder = freshFolder()
    const path = join(folder, 'input')
    writeFileSync(path, 'abc')
    utimesSync(path, 1, 1)
    const memo = openStatMemo(join(folder, 'memo.log'), lateClock(folder))
    await memo.digest(path)
    writeFileSync(join(folder, 'other'), 'abd')
    utimesSync(join(folder, 'other'), 1, 1)
    renameSync(join(folder, 'other'), path)
    expect(await memo.digest(path)).toBe(sha256('abd'))
  })

  test('is not trusted of a file that changed less than two seconds ago', async () => {
    const folder = freshFolder()
    const path = join(folder, 'input')
    writeFileSync(path, 'abc')
    const changed = statSync(path, { bigint: true })
    const clockBehind = (ns: bigint) => () => ({ device: changed.dev, ns: changed.ctimeNs + ns })
    const early = openStatMemo(join(folder, 'early.log'), clockBehind(2_000_000_000n))
    await early.digest(path)
    expect(early.peek(path)).toBeUndefined()
    const late = openStatMemo(join(folder, 'late.log'), clockBehind(2_000_000_001n))
    await late.digest(path)
    expect(late.peek(path)).toBe(sha256('abc'))
  })

  test('waits longer where the clock of the file system is not known', async () => {
    const folder = freshFolder()
    const path = join(folder, 'input')
    writeFileSync(path, 'abc')
    const memo = openStatMemo(join(folder, 'memo.log'), () => undefined)
    await memo.digest(path)
    expect(memo.peek(path)).toBeUndefined()
  })

  test('is that of the file as it stood still, if it changes while it is read', async () => {
    const folder = freshFolder()
    const path = join(folder, 'input')
    writeFileSync(path, 'a'.repeat(3_000_000))
    let appends = 2
    const late = lateClock(folder)
    const memo = openStatMemo(join(folder, 'memo.log'), () => {
      if (appends-- > 0) appendFileSync(path, 'b')
      return late()
    })
    expect(await memo.digest(path)).toBe(sha256(`${'a'.repeat(3_000_000)}bb`))
  })

  test('is refused for a file that never stands still', async () => {
    const folder = freshFolder()
    for (const size of [10, 3_000_000]) {
      const path = join(folder, `input${size}`)
      writeFileSync(path, 'a'.repeat(size))
      const memo = openStatMemo(join(folder, 'memo.log'), () => {
        appendFileSync(path, 'b')
        return undefined
      })
      await expect(memo.digest(path)).rejects.toMatchObject({ problem: 'changing-file', where: path })
    }
  })

  test('is refused for what is not a file', async () => {
    const folder = freshFolder()
    const memo = openStatMemo(join(folder, 'memo.log'))
    await expect(memo.digest(folder)).rejects.toMatchObject({ problem: 'bad-file' })
    expect(memo.peek(folder)).toBeUndefined()
    expect(memo.peek(join(folder, 'nothing'))).toBeUndefined()
  })
})

describe('the log of the memo', () => {
  function filled(): { folder: string; log: string; paths: string[] } {
    const folder = freshFolder()
    const log = join(folder, 'memo.log')
    const memo = openStatMemo(log, lateClock(folder))
    const paths = ['a', 'b', 'c'].map((name) => join(folder, name))
    for (const path of paths) {
      writeFileSync(path, path.slice(-1))
      memo.digestSync(path)
    }
    memo.close()
    return { folder, log, paths }
  }

  test('cut off at any byte gives right digests and never wrong ones', () => {
    const { folder, log, paths } = filled()
    const whole = readFileSync(log)
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(log, whole.subarray(0, length))
      const memo = openStatMemo(log, lateClock(folder))
      for (const path of paths) expect([undefined, sha256(path.slice(-1))]).toContain(memo.peek(path))
    }
    const memo = openStatMemo(log, lateClock(folder))
    expect(paths.map((path) => memo.peek(path))).toEqual(paths.map((path) => sha256(path.slice(-1))))
  })

  test('with any byte changed gives right digests and never wrong ones', () => {
    const { folder, log, paths } = filled()
    const whole = readFileSync(log)
    for (let at = 0; at < whole.length; at++) {
      const bent = Buffer.from(whole)
      bent[at] = (bent[at] ?? 0) ^ 0x04
      writeFileSync(log, bent)
      const memo = openStatMemo(log, lateClock(folder))
      for (const path of paths) expect([undefined, sha256(path.slice(-1))]).toContain(memo.peek(path))
    }
  })

  test('takes new lines after a torn one', () => {
    const { folder, log, paths } = filled()
    truncateSync(log, statSync(log).size - 5)
    const [, , torn = ''] = paths
    const memo = openStatMemo(log, lateClock(folder))
    expect(memo.peek(torn)).toBeUndefined()
    memo.digestSync(torn)
    memo.close()
    expect(openStatMemo(log, lateClock(folder)).peek(torn)).toBe(sha256('c'))
  })

  test('is written anew when most of it is out of date', () => {
    const folder = freshFolder()
    const log = join(folder, 'memo.log')
    const path = join(folder, 'input')
    writeFileSync(path, 'abc')
    const memo = openStatMemo(log, lateClock(folder))
    for (let second = 0; second < 1100; second++) {
      utimesSync(path, second, second)
      memo.digestSync(path)
    }
    memo.close()
    expect(readFileSync(log, 'utf8').split('\n').length).toBeGreaterThan(1100)
    expect(openStatMemo(log).peek(path)).toBe(sha256('abc'))
    expect(readFileSync(log, 'utf8').split('\n').length).toBeLessThan(10)
    expect(openStatMemo(log).peek(path)).toBe(sha256('abc'))
  })

  test('may be deleted or unwritable', () => {
    const { folder, log, paths } = filled()
    rmSync(log)
    mkdirSync(log)
    const memo = openStatMemo(log, lateClock(folder))
    expect(memo.digestSync(paths[0] ?? '')).toBe(sha256('a'))
    memo.close()
  })
})

describe('the digest of a folder', () => {
  function folderWith(files: { [path: string]: string }): string {
    const folder = freshFolder()
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    return folder
  }

  const files = { 'corpus.jsonl': 'a', 'qrels/test.tsv': 'bb', 'qrels/dev.tsv': 'ccc', '\uffff': 'd', '😀': 'e' }

  function memoFor(folder: string): ReturnType<typeof openStatMemo> {
    return openStatMemo(join(freshFolder(), 'memo.log'), lateClock(folder))
  }

  test('lists the files in the order of their UTF-8 bytes', async () => {
    const folder = folderWith(files)
    const tree = await memoFor(folder).tree(folder)
    expect(tree.files.map(({ path, size }) => [path, size])).toEqual([
      ['corpus.jsonl', 1],
      ['qrels/dev.tsv', 3],
      ['qrels/test.tsv', 2],
      ['\uffff', 1],
      ['😀', 1],
    ])
    expect(tree.files[0]?.digest).toBe(sha256('a'))
  })

  test('does not depend on where the folder lies or the order files were made in', async () => {
    const one = folderWith(files)
    const other = folderWith(Object.fromEntries(Object.entries(files).reverse()))
    expect((await memoFor(one).tree(one)).digest).toBe((await memoFor(other).tree(other)).digest)
  })

  test('depends on names, contents and executable bits', async () => {
    const seen = new Set<string>()
    const folder = folderWith(files)
    const note = async (): Promise<void> => void seen.add((await memoFor(folder).tree(folder)).digest)
    await note()
    chmodSync(join(folder, 'corpus.jsonl'), 0o755)
    await note()
    writeFileSync(join(folder, 'corpus.jsonl'), 'b')
    await note()
    renameSync(join(folder, 'corpus.jsonl'), join(folder, 'corpus2.jsonl'))
    await note()
    writeFileSync(join(folder, 'empty'), '')
    await note()
    expect(seen.size).toBe(5)
  })

  test('reads only the file that changed', async () => {
    const folder = folderWith(files)
    const memo = memoFor(folder)
    await memo.tree(folder)
    const before = memo.bytesHashed
    untilLaterThan(join(folder, 'qrels/test.tsv'))
    writeFileSync(join(folder, 'qrels/test.tsv'), 'BBBB')
    await memo.tree(folder)
    expect(memo.bytesHashed - before).toBe(4)
  })

  test('can be that of chosen files, in any order', async () => {
    const folder = folderWith(files)
    const memo = memoFor(folder)
    const chosen = await memo.tree(folder, ['qrels/test.tsv', 'corpus.jsonl', 'corpus.jsonl'])
    expect(chosen.files.map(({ path }) => path)).toEqual(['corpus.jsonl', 'qrels/test.tsv'])
    const copy = freshFolder()
    mkdirSync(join(copy, 'qrels'))
    for (const path of ['corpus.jsonl', 'qrels/test.tsv']) copyFileSync(join(folder, path), join(copy, path))
    expect((await memoFor(copy).tree(copy)).digest).toBe(chosen.digest)
  })

  test('takes links inside the folder for what they point at', async () => {
    const linked = folderWith({ 'data/a': 'x' })
    symlinkSync('a', join(linked, 'data/b'))
    symlinkSync('data', join(linked, 'more'))
    const plain = folderWith({ 'data/a': 'x', 'data/b': 'x', 'more/a': 'x', 'more/b': 'x' })
    expect((await memoFor(linked).tree(linked)).digest).toBe((await memoFor(plain).tree(plain)).digest)
  })

  test.each<[string, (folder: string, outside: string) => void]>([
    ['leaves it', (folder, outside) => symlinkSync(join(outside, 'secret'), join(folder, 'link'))],
    ['leaves it by ..', (folder) => symlinkSync('../..', join(folder, 'link'))],
    ['leaves it through a folder', (folder, outside) => symlinkSync(outside, join(folder, 'link'))],
    ['leads nowhere', (folder) => symlinkSync('nothing', join(folder, 'link'))],
    ['points at itself', (folder) => symlinkSync('link', join(folder, 'link'))],
    ['leads to a folder above it', (folder) => symlinkSync('.', join(folder, 'link'))],
  ])('is refused with a link that %s', async (_, make) => {
    const outside = folderWith({ secret: 's' })
    const folder = folderWith({ a: 'x' })
    make(folder, outside)
    const memo = memoFor(folder)
    await expect(memo.tree(folder)).rejects.toMatchObject({ problem: 'bad-file', where: join(folder, 'link') })
  })

  test.each(['../x', '/etc/hostname', 'a/../../x', './a', 'missing', 'qrels'])(
    'is refused with the chosen path %s',
    async (path) => {
      const folder = folderWith(files)
      await expect(memoFor(folder).tree(folder, [path])).rejects.toMatchObject({ problem: 'bad-file' })
    },
  )
})
