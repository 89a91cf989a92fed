import { readFile } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { StageError } from '../define.ts'
import { AMOUNTS, batchesOf } from './batches.ts'
import { OnnxGraph, type TokenRow, type WantedOutput } from './onnx-graph.ts'
import { Projection } from './projection.ts'
import {
  type FromThread,
  type Piece,
  type PieceDone,
  sendError,
  type ThreadData,
  type ToThread,
} from './thread-message.ts'
import { modelTokenizer } from './tokens.ts'

/** Entry of a thread that runs a transformer, piece by piece as told by messages. */
const port = parentPort
if (!port) throw new Error('encoder-worker is the entry of a worker thread')
const { task, device, mayFallBack, threads } = workerData as ThreadData

type Run = (piece: Piece) => Promise<PieceDone>

let isEnded = false
let budget = AMOUNTS[device.kind].tokens

async function open(): Promise<Run> {
  const { model } = task
  const tokenizer = modelTokenizer(await readFile(model.tokenizer.location, 'utf8'), model.tokenizerConfig, model)
  const { path } = model.onnx
  if (task.kind === 'score') {
    const graph = await openGraph([{ rank: 2, names: ['logits'] }])
    return async ({ texts, seconds = [] }) => {
      const rows = texts.map((text, i) => tokenizer.pair(text, seconds[i]!))
      return collect(rows, graph, ({ data, shape }, batch, out) => {
        const labels = shape.at(-1)!
        if (labels > 2)
          throw new StageError(`the graph gives ${labels} scores a pair, and one is needed`, { where: path })
        for (const [r, row] of batch.entries())
          out.set(1, row, [labels === 2 ? data[2 * r + 1]! - data[2 * r]! : data[r]!])
      })
    }
  }
  const graph = await openGraph([
    { rank: 3, names: ['last_hidden_state', 'token_embeddings'] },
    { rank: 2, names: ['sentence_embedding'] },
  ])
  const projection = await Projection.open(task.model, graph.rank === 2)
  return async ({ texts }) => {
    const rows = texts.map((text) => ({ ids: tokenizer.one(text) }))
    return collect(rows, graph, ({ data, shape }, batch, out) => {
      const [tokens, width] = graph.rank === 2 ? [1, shape[1]!] : [shape[1]!, shape[2]!]
      for (const [r, row] of batch.entries()) {
        const states = data.subarray(r * tokens * width, (r + 1) * tokens * width)
        const vector = projection.vectorOf(states, Math.min(tokens, rows[row]!.ids.length), width)
        if (task.dimensions !== undefined && vector.length !== task.dimensions)
          throw new StageError(
            `vectors of ${task.dimensions} dimensions expected, and the graph gives ${vector.length}`,
            {
              where: path,
              advice: 'Graph and configuration must belong together.',
            },
          )
        out.set(vector.length, row, vector)
      }
    })
  }
}

let warning: string | undefined

async function openGraph(wanted: readonly WantedOutput[]): Promise<OnnxGraph> {
  const { location, path } = task.model.onnx
  try {
    return await OnnxGraph.open(location, path, { device, threads }, wanted)
  } catch (error) {
    if (!mayFallBack) throw error
    warning = `computed on the CPU, not on card ${device.kind === 'cuda' ? device.card : ''}: ${(error as Error).message}`
    budget = AMOUNTS.cpu.tokens
    return OnnxGraph.open(location, path, { device: { kind: 'cpu' }, threads }, wanted)
  }
}

/** Rows of numbers whose width is known with the first. */
class Rows {
  width = 0
  data: Float32Array = new Float32Array(0)
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  set(width: number, row: number, values: ArrayLike<number>): void {
    if (this.width === 0) {
      this.width = width
      this.data = new Float32Array(this.#count * width)
    }
    this.data.set(values, row * width)
  }
}

async function collect(
  rows: readonly TokenRow[],
  graph: OnnxGraph,
  take: (output: Awaited<ReturnType<OnnxGraph['run']>>, batch: readonly number[], out: Rows) => void,
): Promise<PieceDone> {
  const out = new Rows(rows.length)
  const lengths = rows.map(({ ids }) => ids.length)
  for (const batch of batchesOf(lengths, budget, graph.isUnpadded)) {
    // Messages are taken between batches.
    if (isEnded) break
    take(await graph.run(batch.map((row) => rows[row]!)), batch, out)
  }
  return { rows: out.data, width: out.width }
}

const opened = open()
opened.then(
  () => say({ type: 'ready', ...(warning === undefined ? {} : { warning }) }),
  (error) => say({ type: 'failed', error: sendError(error) }),
)

port.on('message', async (message: ToThread) => {
  if (message.type === 'end') {
    isEnded = true
    port.close()
    return
  }
  try {
    const done = await (await opened)(message)
    say({ type: 'done', ...done }, [done.rows.buffer as ArrayBuffer])
  } catch (error) {
    say({ type: 'failed', error: sendError(error) })
  }
})

/** Once the thread was told to end, nobody listens. */
function say(message: FromThread, transfer: ArrayBuffer[] = []): void {
  if (!isEnded) port?.postMessage(message, transfer)
}
