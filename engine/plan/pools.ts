import type { Json } from '../../stages/define.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { explainErrors } from '../parse/explain.ts'
import type { Pipeline } from '../parse/pipeline.ts'
import { POOLS_SCHEMA } from '../parse/schema.ts'
import { validate } from '../parse/validate.ts'
import { bindBlock } from './bind.ts'
import type { Files } from './files.ts'
import { reportInBlock } from './locate-problem.ts'
import type { Scanner } from './scan.ts'
import type { Variants } from './variants.ts'

/** Sizes of the declared pools, one for all variants of a sweep; those that are wrong are reported and count as endless. */
export function readPools(context: {
  pipeline: Pipeline
  variants: Variants
  files: Files
  scanner: Scanner
  diagnostics: Diagnostics
}): { readonly [pool: string]: number } {
  const { pipeline, variants, scanner, diagnostics } = context
  const written = pipeline.pools as Json
  const faulty = new Set<string | number | undefined>()
  for (const { reference, path } of scanner.scan(written, ['pools'], '`pools`')) {
    if (variants.axisOf(reference.name) === undefined) continue
    faulty.add(path[1])
    diagnostics.error(pipeline.locateText(path, reference.index, reference.text.length), {
      code: 'sweep',
      message: `a pool is one for all variants, and \`${reference.name}\` is an axis of the sweep`,
      advice: 'Use a param that is no axis.',
    })
  }
  const bound = bindBlock(written, POOLS_SCHEMA, ['pools'], { ...context, params: pipeline.params, inputs: false })
  reportInBlock(explainErrors(validate(POOLS_SCHEMA, bound.value)), bound, ['pools'], pipeline, diagnostics)
  const sizeOf = (pool: string, size: Json): number =>
    Number.isInteger(size) && !faulty.has(pool) ? (size as number) : Number.POSITIVE_INFINITY
  const sizes = Object.entries(bound.value as { [pool: string]: Json })
  return Object.fromEntries(sizes.map(([pool, size]) => [pool, sizeOf(pool, size)]))
}
