import { StageError } from '../define.ts'
import type { Encoder, EncoderServices } from '../retrieval/encoder.ts'
import { piecesOf } from './batches.ts'
import { EncoderThreads } from './encoder-threads.ts'
import type { Device } from './onnx-graph.ts'
import type { TransformerModel } from './transformer-model.ts'

/** Texts that one thread takes at once, and texts worth giving at once, by device. */
const SIZES: { readonly [device in Device]: { piece: number; block: number } } = {
  cpu: { piece: 16, block: 512 },
  cuda: { piece: 256, block: 4096 },
}

/** Opens a transformer that threads run. Nothing is loaded before the first text. */
export async function openTransformer(
  model: TransformerModel,
  device: Device,
  services: EncoderServices,
): Promise<Encoder> {
  const { piece: pieceSize, block } = SIZES[device]
  const threads = new EncoderThreads(
    { kind: 'encode', model, dimensions: model.dimensions },
    device,
    services.signal,
    services.threads,
  )
  try {
    const dimensions = model.dimensions ?? (await threads.run({ texts: ['a'] })).width
    const { similarity, poolings, prefixes, maxLength, normalize, family } = model
    return {
      dimensions,
      similarity,
      block,
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
      async encode(texts, role) {
        const prefixed = texts.map((text) => prefixes[role] + text)
        const vectors = new Float32Array(texts.length * dimensions)
        const lengths = prefixed.map((text) => text.length)
        await Promise.all(
          piecesOf(lengths, pieceSize).map(async (piece) => {
            const { rows, width } = await threads.run({ texts: piece.map((row) => prefixed[row]!) })
            if (width !== dimensions) throw new StageError(`vectors of ${width} dimensions, not of ${dimensions}`)
            for (const [r, row] of piece.entries())
              vectors.set(rows.subarray(r * dimensions, (r + 1) * dimensions), row * dimensions)
          }),
        )
        return vectors
      },
      close: () => threads.close(),
    }
  } catch (error) {
    await threads.close()
    throw error
  }
}
