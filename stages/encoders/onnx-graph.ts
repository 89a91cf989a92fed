import { open } from 'node:fs/promises'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { StageError } from '../define.ts'
import type { Device } from './device.ts'
import { briefBytes, giveBack } from './graph/brief-bytes.ts'
import { unpaddedGraph } from './graph/unpadded.ts'

/** One text, or a pair of texts, as a transformer reads it. */
export interface TokenRow {
  ids: readonly number[]
  /** To which of two texts a token belongs; zeros if absent. */
  types?: readonly number[]
}

/** What a graph gave for a batch, row by row. */
export interface GraphOutput {
  data: Float32Array
  shape: readonly number[]
}

const READ_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids']

/** What is wanted of a graph: vectors of tokens (rank 3) or of whole texts (rank 2). */
export interface WantedOutput {
  rank: 2 | 3
  /** The first that is there is taken, else the first output of that rank. */
  names: readonly string[]
}

/** Larger graphs are left to the library to read: rewriting one takes twice its size in memory. */
const MOST_REWRITTEN = 1 << 30

/** A transformer's graph, ready to run on one thread. `run` blocks the thread it is called on. */
export class OnnxGraph {
  readonly #session: InferenceSession
  readonly #tensor: typeof Tensor
  readonly #output: string
  readonly rank: number
  /** Whether the rows of a batch must be of one length: nothing is masked, which takes less time. */
  readonly isUnpadded: boolean

  private constructor(
    session: InferenceSession,
    tensor: typeof Tensor,
    output: { name: string; rank: number },
    isUnpadded: boolean,
  ) {
    this.#session = session
    this.#tensor = tensor
    this.#output = output.name
    this.rank = output.rank
    this.isUnpadded = isUnpadded
  }

  /** Loads the graph; the first of `wanted` that it has is what `run` gives. */
  static async open(
    location: string,
    shown: string,
    { device, threads }: { device: Device; threads: number },
    wanted: readonly WantedOutput[],
  ): Promise<OnnxGraph> {
    const { InferenceSession, Tensor } = await import('onnxruntime-node')
    const options: InferenceSession.SessionOptions = {
      executionProviders: [device.kind === 'cuda' ? { name: 'cuda', deviceId: device.card } : 'cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      // Batches differ in shape: a plan of memory for each would only be thrown away.
      enableMemPattern: false,
      // Threads that wait in a loop would take the core from what others do.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 3,
    }
    let session: InferenceSession
    try {
      const unpadded = device.kind === 'cpu' ? await OnnxGraph.#unpadded(location, options, wanted) : undefined
      if (unpadded) return unpadded
      session = await InferenceSession.create(location, options)
    } catch (error) {
      throw new StageError(`the ONNX graph can't be loaded: ${(error as Error).message}`, { where: shown })
    }
    const strange = session.inputNames.filter((name) => !READ_INPUTS.includes(name))
    if (strange.length > 0 || !session.inputNames.includes('input_ids'))
      throw new StageError(`the ONNX graph wants ${session.inputNames.join(', ')}`, {
        where: shown,
        advice: `Graphs that read ${READ_INPUTS.join(', ')} can be used.`,
      })
    const output = chooseOutput(tensorsOf(session), wanted)
    if (!output)
      throw new StageError(`the ONNX graph gives ${session.outputNames.join(', ')}`, {
        where: shown,
        advice: 'It gives nothing that could be used here: vectors of tokens, vectors of texts, or scores.',
      })
    return new OnnxGraph(session, Tensor, output, false)
  }

  /** The graph rewritten for rows of equal length, where that is possible and works. */
  static async #unpadded(
    location: string,
    options: InferenceSession.SessionOptions,
    wanted: readonly WantedOutput[],
  ): Promise<OnnxGraph | undefined> {
    const file = await readWhole(location)
    if (!file) return undefined
    let output: { name: string; rank: number } | undefined
    const bytes = unpaddedGraph(file, ({ inputs, outputs }) => {
      if (inputs.some((name) => !READ_INPUTS.includes(name))) return undefined
      output = chooseOutput(outputs, wanted)
      return output?.name
    })
    giveBack(file)
    if (!bytes || !output) return undefined
    const { InferenceSession, Tensor } = await import('onnxruntime-node')
    try {
      const graph = new OnnxGraph(await InferenceSession.create(bytes, options), Tensor, output, true)
      await graph.run([{ ids: [0, 0] }, { ids: [0, 0] }])
      return graph
    } catch {
      // Shapes that the file does not tell can be others than those of attention everywhere else.
      return undefined
    } finally {
      giveBack(bytes)
    }
  }

  /** One row of the output a row of tokens; shorter rows are padded at their ends and masked. */
  async run(rows: readonly TokenRow[]): Promise<GraphOutput> {
    const width = rows.reduce((longest, { ids }) => Math.max(longest, ids.length), 0)
    const feeds: { [name: string]: Tensor } = {}
    for (const input of this.#session.inputMetadata) {
      const wide = input.isTensor && input.type === 'int64'
      const values = new Int32Array(rows.length * width)
      for (const [r, { ids, types }] of rows.entries())
        for (let t = 0; t < ids.length; t++) values[r * width + t] = tokenValue(input.name, t, ids, types)
      const shape = [rows.length, width]
      feeds[input.name] = wide
        ? new this.#tensor('int64', BigInt64Array.from(values, BigInt), shape)
        : new this.#tensor('int32', values, shape)
    }
    const found = (await this.#session.run(feeds, [this.#output]))[this.#output]!
    return { data: floatsOf(found), shape: found.dims }
  }

  close(): Promise<void> {
    return this.#session.release()
  }
}

/** The bytes of a file, to be given back; undefined where it is too large to be rewritten. */
async function readWhole(location: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const file = await open(location)
  try {
    const { size } = await file.stat()
    if (size > MOST_REWRITTEN) return undefined
    const bytes = briefBytes(size)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(bytes, at, size - at, at)
      if (bytesRead === 0) throw new Error('the file became shorter while it was read')
      at += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

function tokenValue(input: string, at: number, ids: readonly number[], types: readonly number[] | undefined): number {
  if (input === 'input_ids') return ids[at]!
  if (input === 'attention_mask') return 1
  return input === 'position_ids' ? at : (types?.[at] ?? 0)
}

function tensorsOf(session: InferenceSession): { name: string; rank: number }[] {
  return session.outputMetadata.flatMap((output) =>
    output.isTensor ? [{ name: output.name, rank: output.shape.length }] : [],
  )
}

function chooseOutput(
  outputs: readonly { name: string; rank: number | undefined }[],
  wanted: readonly WantedOutput[],
): { name: string; rank: number } | undefined {
  for (const { rank, names } of wanted) {
    const fitting = outputs.filter((output) => output.rank === rank).map(({ name }) => name)
    const name = names.find((one) => fitting.includes(one)) ?? fitting[0]
    if (name !== undefined) return { name, rank }
  }
  return undefined
}

function floatsOf(tensor: Tensor): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array
  if (tensor.type === 'float16') return Float32Array.from(tensor.data as unknown as Uint16Array, halfFloat)
  if (tensor.type === 'float64') return Float32Array.from(tensor.data as Float64Array)
  throw new StageError(`the ONNX graph gives ${tensor.type}, and floats are needed`)
}

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
