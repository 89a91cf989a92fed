import { appendFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { type ActionLog, openActionLog } from '../../cache/action-log.ts'
import { openBlobStore } from '../../cache/blob-store.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { openStatMemo } from '../../cache/stat-memo.ts'
import { actionKey, record } from './record.ts'
import { freshFolders, startFixture } from './support.ts'

const freshFolder = freshFolders()
const noBlobs = { sync: async () => {} }

const opened: ActionLog[] = []
afterAll(() => Promise.all(opened.map((log) => log.close())))

function openLog(folder: string, blobs: Parameters<typeof openActionLog>[1]): ActionLog {
  const log = openActionLog(folder, blobs)
  opened.push(log)
  return log
}

const preimage = (n: number): CanonicalValue => ({ stage: 'generate', version: 1, options: { n, prompt: 'a\nb\t"ü"' } })

async function filled(results: number): Promise<string> {
  const folder = freshFolder()
  const log = openLog(folder, noBlobs)
  for (let n = 0; n < results; n++) await log.append(record(preimage(n), [], { node: `node${n}` }), preimage(n))
  await log.close()
  return folder
}

describe('a recorded result', () => {
  test('is found by its key, with everything that decided it, also by the next process', async () => {
    const folder = freshFolder()
    const log = openLog(folder, noBlobs)
    const made = record(preimage(1))
    await log.append(made, preimage(1))
    for (const reader of [log, openLog(folder, noBlobs)]) {
      expect(reader.find(made.key)).toEqual([made])
      expect(reader.preimage(made.key)).toEqual(preimage(1))
      expect(reader.head(made)).toEqual({ key: made.key, record: made })
      expect(reader.damaged).toBe(0)
    }
    expect(log.find(actionKey(preimage(2)))).toEqual([])
    expect(log.preimage(actionKey(preimage(2)))).toBeUndefined()
    expect(log.head({ ...made, project: 'other' })).toBeUndefined()
  })

  test('does not replace earlier ones of its key: newest first', async () => {
    const folder = freshFolder()
    const log = openLog(folder, noBlobs)
    const runs = ['r1', 'r2', 'r3'].map((run) => ({ ...record(preimage(1)), run }))
    await Promise.all(runs.map((made) => log.append(made, preimage(1))))
    for (const reader of [log, openLog(folder, noBlobs)]) {
      expect(reader.find(actionKey(preimage(1))).map(({ run }) => run)).toEqual(['r3', 'r2', 'r1'])
      expect(reader.head(record(preimage(1)))?.record.run).toBe('r3')
    }
    expect(readFileSync(join(folder, 'preimages.log'), 'utf8').split('"prompt"').length).toBe(2)
  })

  test('stands in the log in the order of the calls', async () => {
    const folder = freshFolder()
    const log = openLog(folder, noBlobs)
    const all = Array.from({ length: 30 }, (_, n) => log.append(record(preimage(n)), preimage(n)))
    await Promise.all(all)
    const nodes = readFileSync(join(folder, 'actions.log'), 'utf8').match(/sha256:[0-9a-f]{64}(?=","p","quick)/g)
    expect(nodes).toEqual(Array.from({ length: 30 }, (_, n) => actionKey(preimage(n))))
  })

  test('is there only after its blobs are on the disk', async () => {
    const folder = freshFolder()
    const steps: string[] = []
    let release: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const log = openLog(folder, {
      sync: async (ids) => {
        await gate
        steps.push(`synced ${ids.length}`)
      },
    })
    const blobs = openBlobStore(folder, openStatMemo(join(folder, 'memo.log')))
    const { id, size } = await blobs.put(Buffer.from('abc'))
    const made = record(preimage(1), [{ path: 'f', size, executable: false, blob: id }])
    const done = log.append(made, preimage(1)).then(() => steps.push('recorded'))
    expect(log.find(made.key)).toEqual([])
    release()
    await done
    expect(steps).toEqual(['synced 1', 'recorded'])
    expect(openLog(folder, noBlobs).find(made.key)).toEqual([made])
  })

  test('is not there when its blobs could not be brought to the disk', async () => {
    const folder = freshFolder()
    const log = openLog(folder, {
      sync: () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })),
    })
    await expect(log.append(record(preimage(1)), preimage(1))).rejects.toMatchObject({ problem: 'no-space' })
    expect(log.find(actionKey(preimage(1)))).toEqual([])
    await log.close()
  })

  test('is refused with a clear error by a full disk, and recorded when there is room again', async () => {
    const folder = freshFolder()
    symlinkSync('/dev/full', join(folder, 'actions.log'))
    const log = openLog(folder, noBlobs)
    await expect(log.append(record(preimage(1)), preimage(1))).rejects.toMatchObject({
      problem: 'no-space',
      where: folder,
      message: expect.stringMatching(/^no space left to store the record of a finished stage \(.* free\)$/),
      advice: expect.stringContaining('free space'),
    })
    await log.close()
    rmSync(join(folder, 'actions.log'))
    const again = openLog(folder, noBlobs)
    await again.append(record(preimage(1)), preimage(1))
    expect(openLog(folder, noBlobs).find(actionKey(preimage(1))).length).toBe(1)
  })
})

describe('the newest result of a node', () => {
  test('can be one that was made for another node, and the log only grows when it changes', async () => {
    const folder = freshFolder()
    const log = openLog(folder, noBlobs)
    const made = record(preimage(1), [], { node: 'a' })
    const other = { ...made, node: 'b' }
    await log.append(made, preimage(1))
    await log.moveHead(other, made)
    const before = readFileSync(join(folder, 'actions.log')).length
    await log.moveHead(other, made)
    await log.moveHead(made, made)
    expect(readFileSync(join(folder, 'actions.log')).length).toBe(before)
    for (const reader of [log, openLog(folder, noBlobs)]) expect(reader.head(other)?.record).toEqual(made)
  })

  test('goes back to an older one when that is restored', async () => {
    const folder = freshFolder()
    const log = openLog(folder, noBlobs)
    const [older, newer] = [record(preimage(1)), record(preimage(2))]
    await log.append(older, preimage(1))
    await log.append(newer, preimage(2))
    await log.moveHead(older, older)
    for (const reader of [log, openLog(folder, noBlobs)]) {
      expect(reader.head(older)?.key).toBe(older.key)
      expect(reader.find(newer.key)).toEqual([newer])
    }
  })
})

describe('a log that was harmed', () => {
  const results = 3
  const keys = Array.from({ length: results }, (_, n) => actionKey(preimage(n)))

  test('by a cut at any byte loses what was cut and nothing before it, and takes new results', async () => {
    const folder = await filled(results)
    const path = join(folder, 'actions.log')
    const whole = readFileSync(path)
    const ends = [...whole.keys()].filter((at) => whole[at] === 10)
    let before = 0
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      const log = openLog(folder, noBlobs)
      const found = keys.filter((key) => log.find(key).length > 0).length
      expect(found).toBeGreaterThanOrEqual(before)
      expect(keys.slice(0, found).every((key) => log.find(key).length === 1)).toBe(true)
      before = found
      if (length % 97 === 0 || ends.includes(length)) {
        await log.append(record(preimage(9)), preimage(9))
        await log.close()
        const next = openLog(folder, noBlobs)
        expect(next.find(actionKey(preimage(9))).length).toBe(1)
        expect(keys.filter((key) => next.find(key).length > 0).length).toBeGreaterThanOrEqual(found)
        expect(next.damaged).toBeLessThanOrEqual(1)
      }
    }
    expect(before).toBe(results)
  })

  test('in any one byte loses that result alone', async () => {
    const folder = await filled(results)
    const path = join(folder, 'actions.log')
    const whole = readFileSync(path)
    const intact = new Map(keys.map((key) => [key, JSON.stringify(openLog(folder, noBlobs).find(key)[0])]))
    for (let at = 0; at < whole.length; at++) {
      const bent = Buffer.from(whole)
      bent[at] = (bent[at] ?? 0) ^ 0x01
      writeFileSync(path, bent)
      const log = openLog(folder, noBlobs)
      const found = keys.flatMap((key) => log.find(key))
      expect(found.length).toBeGreaterThanOrEqual(results - 1)
      for (const made of found) expect(JSON.stringify(made)).toBe(intact.get(made.key))
    }
  })

  test('in its preimages says nothing rather than something wrong', async () => {
    const folder = await filled(results)
    const path = join(folder, 'preimages.log')
    const whole = readFileSync(path)
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      const log = openLog(folder, noBlobs)
      for (const [n, key] of keys.entries()) expect([undefined, preimage(n)]).toContainEqual(log.preimage(key))
    }
    rmSync(path)
    expect(openLog(folder, noBlobs).preimage(keys[0] ?? actionKey(null))).toBeUndefined()
  })

  test('gets a lost preimage back with the next result of its key', async () => {
    const folder = await filled(1)
    rmSync(join(folder, 'preimages.log'))
    const log = openLog(folder, noBlobs)
    await log.append(record(preimage(0)), preimage(0))
    expect(log.preimage(actionKey(preimage(0)))).toEqual(preimage(0))
  })

  test('by being deleted under a process is begun anew', async () => {
    const folder = await filled(2)
    const log = openLog(folder, noBlobs)
    await log.append(record(preimage(7)), preimage(7))
    rmSync(join(folder, 'actions.log'))
    await log.append(record(preimage(8)), preimage(8))
    expect(log.find(actionKey(preimage(7)))).toEqual([])
    expect(openLog(folder, noBlobs).find(actionKey(preimage(8))).length).toBe(1)
  })

  test('is refused if a later queryloom wrote it', async () => {
    const folder = await filled(1)
    const title = 'queryloom actions 2'
    writeFileSync(join(folder, 'actions.log'), `${crc32(title).toString(16).padStart(8, '0')} ${title}\n`)
    expect(() => openLog(folder, noBlobs).find(actionKey(null))).toThrow(
      expect.objectContaining({ problem: 'newer-format' }) as Error,
    )
  })
})

describe('two processes', () => {
  test('see what the other recorded after a refresh', async () => {
    const folder = freshFolder()
    const [one, other] = [openLog(folder, noBlobs), openLog(folder, noBlobs)]
    expect(other.find(actionKey(preimage(1)))).toEqual([])
    await one.append(record(preimage(1)), preimage(1))
    other.refresh()
    expect(other.find(actionKey(preimage(1))).length).toBe(1)
    appendFileSync(join(folder, 'actions.log'), '\ntorn line of a process that was killed')
    await one.append(record(preimage(2)), preimage(2))
    other.refresh()
    expect(other.find(actionKey(preimage(2))).length).toBe(1)
    expect(other.preimage(actionKey(preimage(2)))).toEqual(preimage(2))
    expect(other.damaged).toBe(1)
  })

  test('that append at once lose nothing and mix nothing', async () => {
    const folder = freshFolder()
    const each = 150
    const writers = ['a', 'b'].map((name) => startFixture('record-writer.ts', [folder, name, String(each)], () => {}))
    expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0])
    const log = openLog(folder, noBlobs)
    for (const name of ['a', 'b']) {
      for (let n = 0; n < each; n++) {
        const made = { writer: name, n }
        expect(log.find(actionKey(made)).length).toBe(1)
        expect(log.preimage(actionKey(made))).toEqual(made)
      }
    }
    expect(log.damaged).toBe(0)
  })
})
