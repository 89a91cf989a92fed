import { type ServiceContext, StageError } from '../define.ts'
import { conventionsOf, prefixesFor } from '../encoders/conventions.ts'
import type { ModelBlock } from '../models/block.ts'
import type { Base } from './base.ts'
import type { TrainOptions } from './options.ts'

/** The options with what the block of an encoder that is the base says of its prefixes and length, where they do not. */
export function withEncoderBlock(
  base: Base,
  { options, inputs }: Pick<ServiceContext<TrainOptions>, 'options' | 'inputs'>,
): TrainOptions {
  const input = base.kind === 'input' ? inputs[base.name] : undefined
  if (input?.type !== 'encoder') return options
  const block = input.model as ModelBlock
  if (block.encoder === 'static') return options
  if (block.pooling !== undefined)
    throw new StageError(`the pooling of ${input.name} is written in its block, and is trained as its folder has it`, {
      where: 'base',
      advice: 'Train from its `source`, or leave `pooling` out of the block if the folder says the same.',
    })
  const { conventions = block.source ?? '' } = block
  const family = conventions === 'none' ? undefined : conventionsOf([conventions])
  const written = { ...block.prefixes, ...options.prefixes }
  const max_length = options.max_length ?? block.max_length
  return {
    ...options,
    ...(family || Object.keys(written).length > 0 ? { prefixes: prefixesFor(family, undefined, written) } : {}),
    ...(max_length === undefined ? {} : { max_length }),
  }
}
