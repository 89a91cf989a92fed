import { open, readFile } from 'node:fs/promises'
import { buildBm25 } from '../../../stages/retrieval/bm25.ts'
import { denseSearch, type VectorBlock } from '../../../stages/retrieval/dense-search.ts'

const ROWS = 4096

/** What the bench of search measures, in a process of its own; prints one line of JSON. */
const [what, ...given] = process.argv.slice(2)
console.log(JSON.stringify(await (what === 'bm25' ? bm25(given[0]!) : dense(given))))

async function dense([passages, queries, dimensions, k, threads, from]: string[]): Promise<object> {
  const size = Number(dimensions)
  const wanted = floats(await readFile(queries!))
  const options = { by: 'matrix', threads: Number(threads) } as const
  const block = async (name: string, vectors: Float32Array): Promise<VectorBlock> => ({
    ids: ids(name, vectors, size),
    vectors,
  })
  // Libraries load, and code is compiled, before anything is measured.
  await denseSearch(await block('q', wanted.subarray(0, 70 * size)), once(await block('d', wanted)), size, 10, options)
  const source = from === 'memory' ? inMemory(floats(await readFile(passages!)), size) : inFile(passages!, size)
  const before = process.memoryUsage().rss
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 5)
  const used = process.cpuUsage()
  const started = performance.now()
  const hits = await denseSearch(await block('q', wanted), source, size, Number(k), options)
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(used)
  clearInterval(timer)
  const [first = []] = hits
  return {
    seconds,
    processor: (user + system) / 1e6,
    first: first.map(({ id }) => Number(id.slice(1))),
    scores: first.map(({ score }) => score),
    grown: Math.max(peak, process.memoryUsage().rss) - before,
  }
}

async function* once(block: VectorBlock): AsyncGenerator<VectorBlock> {
  yield block
}

async function* inMemory(vectors: Float32Array, size: number): AsyncGenerator<VectorBlock> {
  for (let at = 0; at * size < vectors.length; at += ROWS)
    yield numbered(at, vectors.subarray(at * size, (at + ROWS) * size), size)
}

async function* inFile(location: string, size: number): AsyncGenerator<VectorBlock> {
  const file = await open(location)
  try {
    const buffer = new Float32Array(ROWS * size)
    for (let at = 0; ; at += ROWS) {
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at * size * 4)
      if (bytesRead === 0) return
      yield numbered(at, buffer.subarray(0, bytesRead / 4), size)
    }
  } finally {
    await file.close()
  }
}

function numbered(first: number, vectors: Float32Array, size: number): VectorBlock {
  return { ids: Array.from({ length: vectors.length / size }, (_, i) => `d${first + i}`), vectors }
}

function ids(name: string, vectors: Float32Array, size: number): string[] {
  return Array.from({ length: vectors.length / size }, (_, i) => `${name}${i}`)
}

function floats(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

async function bm25(location: string): Promise<object> {
  const { passages, queries }: { passages: string[]; queries: string[] } = JSON.parse(await readFile(location, 'utf8'))
  const started = performance.now()
  const index = await buildBm25(
    (async function* () {
      for (const [i, text] of passages.entries()) yield { _id: `d${i}`, title: '', text }
    })(),
  )
  const indexed = performance.now()
  for (const query of queries) index.search(query, 1000)
  return { index: (indexed - started) / 1000, search: (performance.now() - indexed) / 1000 }
}
