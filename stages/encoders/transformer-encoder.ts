import { hash } from 'node:crypto'
import type { EmbeddingStore } from '../../cache/embedding-store.ts'
import { StageError } from '../define.ts'
import type { Encoder, EncoderServices } from '../retrieval/encoder.ts'
import { piecesOf } from './batches.ts'
import { type AskedDevice, chooseDevice, type Device } from './device.ts'
import { EncoderThreads } from './encoder-threads.ts'
import { type TransformerModel, transformerIdentity } from './transformer-model.ts'

/** Texts that one thread takes at once, and texts worth giving at once, by device. */
const SIZES: { readonly [device in Device['kind']]: { piece: number; block: number } } = {
  cpu: { piece: 16, block: 512 },
  cuda: { piece: 256, block: 4096 },
}

const KEY_BYTES = 32

/**
 * Opens a transformer that threads run. Vectors are kept below `services.embeddings` as they come, and none is computed
 * that is there; where all are, neither graph nor threads are ever started.
 */
export async function openTransformer(
  model: TransformerModel,
  asked: AskedDevice,
  services: EncoderServices,
): Promise<Encoder> {
  const where = chooseDevice(asked, services.cards ?? [])
  const threads = new EncoderThreads(
    { kind: 'encode', model, dimensions: model.dimensions },
    where,
    services.signal,
    services.threads,
  )
  let store: EmbeddingStore | undefined
  const close = async (): Promise<void> => {
    await Promise.all([threads.close(), store?.close()])
  }
  try {
    const dimensions = model.dimensions ?? (await threads.run(() => ({ texts: ['a'] })))!.width
    if (services.embeddings !== undefined) {
      const { openEmbeddings } = await import('../../cache/embedding-store.ts')
      store = await openEmbeddings(services.embeddings, await transformerIdentity(model), dimensions)
    }
    const { piece, block } = SIZES[where.device.kind]
    const { similarity, poolings, prefixes, maxLength, normalize, family } = model
    return {
      dimensions,
      similarity,
      block,
      warnings: threads.warnings,
      facts: {
        kind: 'transformer',
        dimensions,
        similarity,
        pooling: poolings.join('+'),
        normalize,
        max_length: maxLength,
        prefixes: { ...prefixes },
        ...(family === undefined ? {} : { conventions: family }),
        title: 'title + " " + text',
      },
      encode: (texts, role) =>
        encodeTexts(
          texts.map((text) => prefixes[role] + text),
          { threads, store, dimensions, pieceSize: piece },
        ),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

interface Encoding {
  threads: EncoderThreads
  store: EmbeddingStore | undefined
  dimensions: number
  pieceSize: number
}

async function encodeTexts(
  texts: readonly string[],
  { threads, store, dimensions, pieceSize }: Encoding,
): Promise<Float32Array> {
  const vectors = new Float32Array(texts.length * dimensions)
  const rowOf = (row: number): Float32Array => vectors.subarray(row * dimensions, (row + 1) * dimensions)
  const keys = Buffer.allocUnsafeSlow(texts.length * KEY_BYTES)
  for (const [row, text] of texts.entries()) keys.write(hash('sha256', text, 'hex'), row * KEY_BYTES, 'hex')
  const keyOf = (row: number): Buffer => keys.subarray(row * KEY_BYTES, (row + 1) * KEY_BYTES)
  const missing = store ? store.getMany(keys, vectors) : texts.map((_, row) => row)

  // Of equal texts one is encoded.
  const firsts = new Map<string, number>()
  const copies: [row: number, first: number][] = []
  for (const row of missing) {
    const first = firsts.get(texts[row]!)
    if (first === undefined) firsts.set(texts[row]!, row)
    else copies.push([row, first])
  }
  const rows = [...firsts.values()]
  const pieces = piecesOf(
    rows.map((row) => texts[row]!.length),
    pieceSize,
  ).map((piece) => piece.map((i) => rows[i]!))

  await Promise.all(
    turned(pieces).map(async (piece) => {
      let left: readonly number[] = piece
      const done = await threads.run(() => {
        left = store ? whatIsLeft(store, piece, keyOf, rowOf) : piece
        return left.length === 0 ? undefined : { texts: left.map((row) => texts[row]!) }
      })
      if (!done) return
      if (done.width !== dimensions) throw new StageError(`vectors of ${done.width} dimensions, not of ${dimensions}`)
      if (!done.rows.every(Number.isFinite))
        throw new StageError('the encoder gives a vector that is not finite', {
          advice: `One of the texts is ${JSON.stringify(texts[left[0]!]!.slice(0, 80))}.`,
        })
      for (const [i, row] of left.entries()) rowOf(row).set(done.rows.subarray(i * dimensions, (i + 1) * dimensions))
      store?.append(Buffer.concat(left.map(keyOf)), done.rows)
    }),
  )
  for (const [row, first] of copies) rowOf(row).set(rowOf(first))
  return vectors
}

/** Rows of a piece that nobody has encoded meanwhile; those that somebody has are taken. */
function whatIsLeft(
  store: EmbeddingStore,
  piece: readonly number[],
  keyOf: (row: number) => Buffer,
  rowOf: (row: number) => Float32Array,
): number[] {
  const stored = store.has(Buffer.concat(piece.map(keyOf)))
  return piece.filter((row, i) => !stored[i] || store.getMany(keyOf(row), rowOf(row)).length > 0)
}

// Several nodes may encode the same texts at the same time: beginning anywhere, each finds what the others have done.
function turned<Item>(items: readonly Item[]): readonly Item[] {
  const at = Math.floor(Math.random() * items.length)
  return [...items.slice(at), ...items.slice(0, at)]
}
