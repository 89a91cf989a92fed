import type { InputMarker } from '../define.ts'

/** `loss` as it stands in a pipeline. */
export type WrittenLoss = 'mnrl' | LossName | ({ name: LossName; guide?: InputMarker } & LossSettings)

/** Losses by SentenceTransformers' names. */
export const LOSS_NAMES = [
  'MultipleNegativesRankingLoss',
  'CachedMultipleNegativesRankingLoss',
  'GISTEmbedLoss',
  'CachedGISTEmbedLoss',
  'MarginMSELoss',
] as const
export type LossName = (typeof LOSS_NAMES)[number]

interface LossSettings {
  temperature?: number
  margin?: number
  margin_strategy?: string
  directions?: string[]
  partition_mode?: string
  hardness_mode?: string
  hardness_strength?: number
}

/** A loss and the options that its class takes. */
export interface Loss {
  name: LossName
  options: LossSettings
  /** Name of the input that is the guide. */
  guide: string | undefined
}

/** Which options each loss takes beside its name. */
export const LOSS_OPTIONS: { readonly [name in LossName]: readonly string[] } = {
  MultipleNegativesRankingLoss: ['directions', 'partition_mode', 'hardness_mode', 'hardness_strength'],
  CachedMultipleNegativesRankingLoss: ['directions', 'partition_mode', 'hardness_mode', 'hardness_strength'],
  GISTEmbedLoss: ['guide', 'temperature', 'margin', 'margin_strategy'],
  CachedGISTEmbedLoss: ['guide', 'temperature', 'margin', 'margin_strategy'],
  MarginMSELoss: [],
}

/** The loss that is meant: `mnrl` is short for MultipleNegativesRankingLoss. */
export function lossOf(written: WrittenLoss): Loss {
  if (typeof written === 'string')
    return { name: written === 'mnrl' ? 'MultipleNegativesRankingLoss' : written, options: {}, guide: undefined }
  const { name, guide, ...options } = written
  return { name, options, guide: guide?.$input }
}
