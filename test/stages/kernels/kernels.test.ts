import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { KernelMemory, strideOf } from '../../../stages/kernels/kernels.ts'
import { randomNumbers } from '../train/toy.ts'

beforeAll(loadXxh)

const SOURCE = 'stages/kernels/assembly/kernels.ts'

async function compiledSource(): Promise<Uint8Array> {
  let binary: string | Uint8Array | undefined
  const { error, stderr } = await asc.main(
    [
      SOURCE,
      '--optimizeLevel',
      '3',
      '--runtime',
      'stub',
      '--noAssert',
      '--enable',
      'simd',
      '--outFile',
      'kernels.wasm',
    ],
    {
      readFile: (name, base) => {
        try {
          return readFileSync(join(base, name), 'utf8')
        } catch {
          return null
        }
      },
      writeFile: (_, contents) => {
        binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error) throw new Error(`${error.message}\n${stderr}`)
  return binary as Uint8Array
}

/** Rows of random numbers in the kernels' memory, and as they are. */
function rowsIn(memory: KernelMemory, address: number, rows: number, columns: number, seed: string): number[][] {
  const numbers = randomNumbers(rows * columns, seed)
  memory.put(address, numbers, columns)
  return Array.from({ length: rows }, (_, i) => Array.from(numbers.subarray(i * columns, (i + 1) * columns)))
}

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length)
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 4)
}

describe('the kernels', () => {
  it('are what their source compiles to', async () => {
    const program = Buffer.from(await compiledSource())
      .toString('base64')
      .replace(/.{1,100}/g, "  '$&' +\n")
    const text = `/** \`assembly/kernels.ts\`, compiled: \`npx vitest run test/stages/kernels/kernels.test.ts -u\`. In base64. */\nexport const PROGRAM: string =\n${program.slice(0, -3)}\n`
    await expect(text).toMatchFileSnapshot(join(packageRoot, 'stages/kernels/program.ts'))
  })

  // 5, 32 and 70 columns: less than a block, a block, and more; 7 rows leave some beside the groups of four.
  it.each([5, 32, 70])('multiply and add as plain loops do, with %i columns', (columns) => {
    const memory = new KernelMemory()
    const stride = strideOf(columns)
    const [a, b, out] = [memory.reserve(3 * stride), memory.reserve(7 * stride), memory.reserve(7 * stride)]
    const scores = memory.reserve(21)
    const left = rowsIn(memory, a, 3, columns, 'left')
    const right = rowsIn(memory, b, 7, columns, 'right')
    const dot = (x: number[], y: number[]): number => x.reduce((sum, value, d) => sum + value * y[d]!, 0)

    memory.run.products(a, 3, b, 7, stride, scores)
    const products = left.flatMap((x) => right.map((y) => dot(x, y)))
    expectClose(memory.floats(scores, 21), products)

    memory.floats(scores, 21)[4] = 0
    products[4] = 0
    const columnsOf = Array.from({ length: columns }, (_, d) => d)
    memory.run.weightedRows(scores, 3, 7, 7, 1, b, stride, out)
    expectClose(
      memory.take(out, 3, columns),
      left.flatMap((_, i) => columnsOf.map((d) => right.reduce((sum, y, j) => sum + products[i * 7 + j]! * y[d]!, 0))),
    )
    memory.run.weightedRows(scores, 7, 1, 3, 7, a, stride, out)
    expectClose(
      memory.take(out, 7, columns),
      right.flatMap((_, j) => columnsOf.map((d) => left.reduce((sum, x, i) => sum + products[i * 7 + j]! * x[d]!, 0))),
    )
  })

  it.each([1, 4, 5, 70])('score rows to the bit as a plain loop does, with %i columns', (columns) => {
    const memory = new KernelMemory()
    const [query, rows] = [memory.reserve(2 * columns), memory.reserve(9 * columns)]
    const [chosen, scores] = [memory.reserve(16), memory.reserve(32)]
    const [floats, wanted] = [memory.reserve(columns), randomNumbers(columns, 'query')]
    const numbers = randomNumbers(9 * columns, 'rows')
    memory.floats(floats, columns).set(wanted)
    memory.run.widen(floats, columns, query)
    memory.floats(rows, numbers.length).set(numbers)
    const order = [8, 0, 3, 3, 7, 1, 2, 5, 6]
    for (let count = 0; count <= order.length; count++) {
      memory.words(chosen, 9).set(order)
      memory.run.scoreRows(query, columns, rows, chosen, count, scores)
      const plain = order.slice(0, count).map((row) => {
        let sum = 0
        for (let d = 0; d < columns; d++) sum += wanted[d]! * numbers[row * columns + d]!
        return sum
      })
      expect([...memory.doubles(scores, count)]).toEqual(plain)
    }
  })

  it('find the largest number, whatever its sign and place', () => {
    const memory = new KernelMemory()
    const at = memory.reserve(21)
    expect(memory.run.largest(at, 0)).toBe(0)
    for (let place = 0; place < 21; place++) {
      const numbers = randomNumbers(21, 'largest')
      numbers[place] = place % 2 === 0 ? -1.5 : 1.5
      memory.floats(at, 21).set(numbers)
      expect(memory.run.largest(at, 21)).toBe(1.5)
    }
  })

  it('give equal bytes wherever they lie in memory, and leave what is beside it', () => {
    const bytes = [0, 1, 2].map((before) => {
      const memory = new KernelMemory()
      if (before > 0) memory.reserve(before * 16)
      const [a, b, scores] = [memory.reserve(2 * 64), memory.reserve(6 * 64), memory.reserve(12)]
      const beside = memory.reserve(16)
      rowsIn(memory, a, 2, 40, 'left')
      rowsIn(memory, b, 6, 40, 'right')
      memory.run.products(a, 2, b, 6, 64, scores)
      expect([...memory.floats(beside, 16)]).toEqual(new Array(16).fill(0))
      return Buffer.from(memory.floats(scores, 12).slice().buffer).toString('hex')
    })
    expect(new Set(bytes).size).toBe(1)
  })

  it('say how much memory they would need, if that is more than they can have', () => {
    expect(() => new KernelMemory().reserve(2 ** 31)).toThrow(/this takes 8\.6 GB, and no more than 4\.2 can be had/)
  })
})
