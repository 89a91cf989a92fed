import type { CanonicalValue } from '../../cache/canonical.ts'
import { StageError } from '../define.ts'
import type { ModelFile } from '../retrieval/static-model.ts'
import { digestOf, EncoderFolder } from './encoder-folder.ts'
import type { CrossEncoderModel } from './thread-message.ts'
import { graphOf, longestInput } from './transformer-model.ts'

/** Labels of a classifier that scores can be made of: the score itself, or no and yes. */
const LABELS = [1, 2]

/** Reads a cross-encoder in Transformers' layout: `config.json`, `tokenizer.json`, an ONNX graph of its logits. */
export async function readCrossEncoder(
  files: readonly ModelFile[],
  options: { file?: string; max_length?: number },
): Promise<{ model: CrossEncoderModel; identity: CanonicalValue }> {
  const folder = new EncoderFolder(files)
  const config = await folder.map('config.json')
  const labels =
    typeof config.num_labels === 'number' ? config.num_labels : Object.keys(config.id2label ?? { one: 0 }).length
  if (!LABELS.includes(labels))
    throw new StageError(`the cross-encoder has ${labels} labels`, {
      where: 'config.json',
      advice: 'One that scores relevance has one label, or two: no and yes.',
    })
  const tokenizerConfig = await folder.map('tokenizer_config.json')
  const model: CrossEncoderModel = {
    onnx: graphOf(folder, options.file),
    tokenizer: folder.file('tokenizer.json'),
    tokenizerConfig,
    maxLength: options.max_length ?? longestInput(config, tokenizerConfig),
    lowerCase: false,
  }
  const identity = {
    type: 'cross-encoder',
    graph: await digestOf(model.onnx),
    tokenizer: await digestOf(model.tokenizer),
    tokenizer_config: tokenizerConfig as CanonicalValue,
    max_length: model.maxLength,
  }
  return { model, identity }
}
