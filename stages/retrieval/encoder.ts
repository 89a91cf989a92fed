import { type Json, type StageContext, StageError, type StageInput } from '../define.ts'
import { EncoderFolder, modulesOf } from '../encoders/encoder-folder.ts'
import { readTransformer, type TransformerModel } from '../encoders/transformer-model.ts'
import { haltOf } from '../halt.ts'
import type { ModelBlock } from '../models/block.ts'
import { loadStaticModel, type ModelFile } from './static-model.ts'

/** What a text is to an encoder; many put another prefix before each. */
type Role = 'query' | 'passage'

/** Turns texts into vectors that are compared by inner product. */
export interface Encoder {
  readonly dimensions: number
  /** `cosine`: rows have length 1, so that the inner product is the cosine. */
  readonly similarity: 'cosine' | 'dot'
  /** Texts worth giving at once: more only take memory. */
  readonly block: number
  /** What people should be told of how it was computed; complete when everything was encoded. */
  readonly warnings: readonly string[]
  /** What it is and by which conventions it reads texts, as it stands in results. */
  readonly facts: { readonly kind: string; readonly [name: string]: Json }
  /**
   * One row of `dimensions` floats a text, in order. The prefix of its role is put before each text; a passage is
   * given as `passageText` makes it. A text that a static model has no token of has zeros.
   */
  encode(texts: readonly string[], role: Role): Promise<Float32Array>
  /** Ends what encoding had started. Must be called, also after a failure. */
  close(): Promise<void>
}

/** What encoding needs of a running stage: its context has it. */
export type EncoderServices = Pick<StageContext<unknown>, 'signal'> &
  Partial<Pick<StageContext<unknown>, 'drain' | 'embeddings' | 'cards'>> & {
    /** Cores; default: all that this process may use. */
    readonly threads?: number
  }

/**
 * Opens the encoder that an input is: a model that a stage made, or an encoder of `models:`. What can't be read, or can't
 * be followed exactly, is a StageError.
 */
export async function openEncoder(input: StageInput | undefined, services: EncoderServices): Promise<Encoder> {
  haltOf(services).throwIfAborted()
  const transformer = await transformerOf(input)
  if (!transformer) return openStatic(partsOf(input).files)
  const { openTransformer } = await import('../encoders/transformer-encoder.ts')
  return openTransformer(transformer, partsOf(input).block.device ?? 'auto', services)
}

/** The transformer that an encoder is; undefined if it is a static model. Nothing of it is loaded. */
export async function transformerOf(input: StageInput | undefined): Promise<TransformerModel | undefined> {
  const { block, files } = partsOf(input)
  const [first] = await modulesOf(new EncoderFolder(files))
  const isStatic = first?.type === 'StaticEmbedding'
  if (block.encoder !== undefined && (block.encoder === 'static') !== isStatic)
    throw new StageError(
      `its folder is that of a ${isStatic ? 'static model' : 'transformer'}, and not of \`encoder: ${block.encoder}\``,
      { advice: `Write \`encoder: ${isStatic ? 'static' : 'onnx'}\`.` },
    )
  if (isStatic) return undefined
  return readTransformer(files, { ...block, names: block.source === undefined ? [] : [block.source] })
}

function partsOf(input: StageInput | undefined): { block: ModelBlock; files: readonly ModelFile[] } {
  if (input?.type !== 'artifact' && input?.type !== 'encoder')
    throw new Error(`expected an encoder, got ${input?.type}`)
  return { block: input.type === 'encoder' ? (input.model as ModelBlock) : {}, files: input.files }
}

async function openStatic(files: readonly ModelFile[]): Promise<Encoder> {
  const model = await loadStaticModel(files)
  const { similarity, pooling, prefixes, title } = model.manifest
  return {
    dimensions: model.dimensions,
    similarity,
    block: 256,
    warnings: [],
    facts: {
      kind: 'static',
      dimensions: model.dimensions,
      tokens: model.tokens,
      similarity,
      pooling,
      prefixes: { ...prefixes },
      title,
    },
    encode: async (texts, role) => model.encode(texts, role),
    close: async () => {},
  }
}
