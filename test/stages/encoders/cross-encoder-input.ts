import type { StageInput } from '../../../stages/define.ts'
import { artifactFrom } from '../../rig/stage.ts'
import { tinyCrossEncoder, type WordVectors } from './tiny-transformer.ts'

/** A cross-encoder whose score is a sum over the words of both texts. */
export function crossEncoderInput(weights: WordVectors): StageInput {
  const { files } = artifactFrom('model', tinyCrossEncoder(weights)) as Extract<StageInput, { type: 'artifact' }>
  return { type: 'cross-encoder', name: 'judge', model: { cross_encoder: 'onnx' }, files }
}
