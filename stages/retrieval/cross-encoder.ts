import type { EmbeddingStore } from '../../cache/embedding-store.ts'
import type { Json, StageInput } from '../define.ts'
import { AMOUNTS } from '../encoders/batches.ts'
import { readCrossEncoder } from '../encoders/cross-encoder-model.ts'
import { BLOCKS, chooseDevice } from '../encoders/device.ts'
import { EncoderThreads } from '../encoders/encoder-threads.ts'
import { storedRows } from '../encoders/stored-rows.ts'
import { haltOf } from '../halt.ts'
import type { ModelBlock } from '../models/block.ts'
import type { EncoderServices } from './encoder.ts'

/** Scores how well a passage answers a query, reading both at once. */
export interface CrossEncoder {
  /** Pairs worth giving at once: more only take memory. */
  readonly block: number
  /** What people should be told of how it was computed; complete when everything was scored. */
  readonly warnings: readonly string[]
  /** What it is, as it stands in results. */
  readonly facts: { readonly kind: string; readonly [name: string]: Json }
  /**
   * One raw score a pair, in order: the logit as the graph gives it, without a sigmoid, so that margins are those that
   * MarginMSE is made for. Of a model with two labels it is the log of the odds of the second.
   */
  score(pairs: readonly { query: string; passage: string }[]): Promise<Float32Array>
  /** Ends what scoring had started. Must be called, also after a failure. */
  close(): Promise<void>
}

/** Opens the cross-encoder that an input is. Scores are kept as vectors of texts are, and none is computed twice. */
export async function openCrossEncoder(
  input: StageInput | undefined,
  services: EncoderServices,
): Promise<CrossEncoder> {
  const { embeddings, cards = [] } = services
  haltOf(services).throwIfAborted()
  if (input?.type !== 'cross-encoder') throw new Error(`expected a cross-encoder, got ${input?.type}`)
  const block = input.model as ModelBlock
  const { model, identity } = await readCrossEncoder(input.files, block)
  const where = chooseDevice(block.device ?? 'auto', cards)
  const threads = new EncoderThreads({ kind: 'score', model }, where, services, services.threads)
  let store: EmbeddingStore | undefined
  if (embeddings !== undefined) {
    const { openEmbeddings } = await import('../../cache/embedding-store.ts')
    store = await openEmbeddings(embeddings, identity, 1)
  }
  const { kind } = where.device
  return {
    block: BLOCKS[kind],
    warnings: threads.warnings,
    facts: { kind: 'cross-encoder', max_length: model.maxLength },
    score: (pairs) =>
      storedRows(
        {
          // With its length before it, no query can be mistaken for another with the beginning of a passage.
          texts: pairs.map(({ query, passage }) => `${query.length}:${query}${passage}`),
          piece: (rows) => ({
            texts: rows.map((row) => pairs[row]!.query),
            seconds: rows.map((row) => pairs[row]!.passage),
          }),
        },
        { threads, store, width: 1, pieceSize: AMOUNTS[kind].piece },
      ),
    close: async () => {
      await threads.close()
      await store?.close()
    },
  }
}
