import type { EmbeddingStore } from '../../cache/embedding-store.ts'
import type { Encoder, EncoderServices } from '../retrieval/encoder.ts'
import { AMOUNTS } from './batches.ts'
import { type AskedDevice, BLOCKS, chooseDevice } from './device.ts'
import { EncoderThreads } from './encoder-threads.ts'
import { storedRows } from './stored-rows.ts'
import { type TransformerModel, transformerIdentity } from './transformer-model.ts'

const UNKNOWN =
  'nothing tells which prefixes the encoder was trained with, and none are put before texts: E5 and others rank worse without. Write `prefixes`, or `conventions` (its family, or `none`), into its block under `models:`'

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
    services,
    services.threads,
  )
  if (model.isUnknown) threads.warnings.push(UNKNOWN)
  let store: EmbeddingStore | undefined
  const close = async (): Promise<void> => {
    await threads.close()
    await store?.close()
  }
  try {
    const dimensions = model.dimensions ?? (await threads.run(() => ({ texts: ['a'] })))!.width
    if (services.embeddings !== undefined) {
      const { openEmbeddings } = await import('../../cache/embedding-store.ts')
      store = await openEmbeddings(services.embeddings, await transformerIdentity(model), dimensions)
    }
    const { kind } = where.device
    const { similarity, poolings, prefixes, maxLength, normalize, family } = model
    return {
      dimensions,
      similarity,
      block: BLOCKS[kind],
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
      encode: (texts, role) => {
        const prefixed = texts.map((text) => prefixes[role] + text)
        const source = {
          texts: prefixed,
          piece: (rows: readonly number[]) => ({ texts: rows.map((row) => prefixed[row]!) }),
        }
        return storedRows(source, { threads, store, width: dimensions, pieceSize: AMOUNTS[kind].piece })
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
