import type { Json } from '../define.ts'

/** A reference to an output of a stage, as it is written in a value. */
export interface StageReference {
  stage: string
  output: string
  /** `[*]` where it is the list over all variants, else nothing. */
  every: string
}

/** The reference that a value is, if it is nothing else. */
export function stageReference(value: Json | undefined): StageReference | undefined {
  const found = typeof value === 'string' ? /^\$\{stages\.([\w-]+)\.([\w-]+)(\[\*\])?\}$/.exec(value) : null
  return found ? { stage: found[1]!, output: found[2]!, every: found[3] ?? '' } : undefined
}

/** The dataset, or the split of it, that a value is a reference to. */
export function datasetReference(value: Json | undefined): { dataset: string; split?: string } | undefined {
  const found = typeof value === 'string' ? /^\$\{datasets\.([\w-]+)(?:\.([\w-]+))?\}$/.exec(value) : null
  if (!found) return undefined
  return { dataset: found[1]!, ...(found[2] === undefined ? {} : { split: found[2] }) }
}

/** The text that refers to the same output of another stage. */
export function withStage({ output, every }: StageReference, stage: string): string {
  return `\${stages.${stage}.${output}${every}}`
}
