import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StageError } from '../../../stages/define.ts'
import { readRun, strictlyDecreasing, writeRun } from '../../../stages/retrieval/run-file.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const hit = (id: string, score: number): { id: string; score: number } => ({ id, score })

async function read(text: string): Promise<unknown> {
  const file = path.join(temporaryFolder(), 'run.trec')
  writeFileSync(file, text)
  return readRun(file, 'run.trec')
}

describe('strictlyDecreasing', () => {
  it('lowers ties by one float32 step each, in the order given', () => {
    const step = 2 ** -24
    expect(strictlyDecreasing([hit('c', 1), hit('b', 1), hit('a', 1), hit('d', 0.5)])).toEqual([
      hit('c', 1),
      hit('b', 1 - step),
      hit('a', 1 - 2 * step),
      hit('d', 0.5),
    ])
  })

  it('never needs numbers so small that a program may take them for 0', () => {
    const scores = strictlyDecreasing([hit('d', 1e-40), hit('a', 0), hit('b', 0), hit('c', 0)]).map(
      ({ score }) => score,
    )
    expect(scores.slice(2).every((score) => Math.abs(score) > 1e-37)).toBe(true)
    expect(new Set(scores).size).toBe(4)
  })
})

describe('a run file', () => {
  it('has six columns, queries by id bytes, ranks from 1, and the tag that was asked for', async () => {
    const file = path.join(temporaryFolder(), 'run.trec')
    const run = new Map([
      ['q9', [hit('x', 2)]],
      ['q10', [hit('y', 12.5), hit('x', -0.1)].map(({ id, score }) => hit(id, Math.fround(score)))],
      ['nothing', []],
    ])
    await writeRun(file, run, 'tag')
    expect(readFileSync(file, 'utf8')).toBe(
      'q10 Q0 y 1 12.5000000 tag\nq10 Q0 x 2 -0.100000001 tag\nq9 Q0 x 1 2.00000000 tag\n',
    )
  })

  it('gives back every score to the last bit, and an order that any sorting sees', async () => {
    const folder = temporaryFolder()
    const score = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 99), max: 2 ** 99 }),
      fc.constantFrom(0, 1, 0.5),
    )
    let n = 0
    await fc.assert(
      fc.asyncProperty(fc.array(score, { minLength: 1, maxLength: 30 }), async (scores) => {
        const hits = strictlyDecreasing(scores.sort((a, b) => b - a).map((one, i) => hit(`d${i}`, one)))
        const file = path.join(folder, `${n++}.trec`)
        await writeRun(file, new Map([['q', hits]]), 't')
        const read = (await readRun(file)).get('q')!.map(({ id, score }) => hit(id, Math.fround(score)))
        expect(read).toEqual(hits)
        const lines = readFileSync(file, 'utf8').trim().split('\n')
        const written = lines.map((line) => Math.fround(Number(line.split(' ')[4])))
        expect(written.every((one, i) => i === 0 || one < written[i - 1]!)).toBe(true)
      }),
      { seed: 6, numRuns: 200 },
    )
  })

  it('refuses ids with white space', async () => {
    const file = path.join(temporaryFolder(), 'run.trec')
    await expect(writeRun(file, new Map([['q', [hit('a b', 1)]]]), 't')).rejects.toThrow(
      'passage id "a b" has whitespace',
    )
  })

  it('is read whatever its spacing and ranks', async () => {
    expect(await read('q\tQ0  a 7\t0.5 t\r\n\nq Q0 b 7 1e-3 t\n')).toEqual(
      new Map([['q', [hit('a', 0.5), hit('b', 1e-3)]]]),
    )
  })

  it.each([
    ['q Q0 a 1 1 t\nr Q0 a 1 1 t\nq Q0 a 2 0.5 t\n', 'passage "a" stands twice for query "q", first on line 1', 3],
    ['q Q0 a 1 1 t\nq Q0 a 1 1\n', '5 columns where 6 were expected', 2],
    ['q Q0 a 1 high t\n', 'the score must be a finite number, not "high"', 1],
    ['q Q0 a 1 NaN t\n', 'the score must be a finite number, not "NaN"', 1],
  ])('refuses %j with file and line', async (text, message, line) => {
    const error = await read(text).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StageError)
    expect(error).toMatchObject({ message, where: `run.trec:${line}` })
  })

  it('refuses an empty file', async () => {
    await expect(read('\n')).rejects.toThrow('the run is empty')
  })
})
