import type { Diagnostics } from '../parse/diagnostics.ts'
import type { SchemaProblem } from '../parse/explain.ts'
import { pathOf, pointerOf } from '../parse/path-text.ts'
import type { Pipeline, SourcePath } from '../parse/pipeline.ts'
import type { Bound, Origin } from './bind.ts'

/**
 * Reports what is wrong with a resolved block where it was written: a value that came from a param at the reference,
 * with the param and its place named. What only follows from a problem reported elsewhere is left out.
 */
export function reportInBlock(
  problems: readonly SchemaProblem[],
  bound: Bound,
  base: SourcePath,
  pipeline: Pipeline,
  diagnostics: Diagnostics,
): void {
  for (const { path, what, ...facts } of problems) {
    const exact = ['unknown-key', 'missing-key', 'missing-input'].includes(facts.code)
    if (followsFromHole(path, exact, bound.holes)) continue
    const origin = originOf(path, bound)
    if (!origin) {
      diagnostics.error(pipeline.locate([...base, ...path], what), facts)
      continue
    }
    const names = [...new Set(origin.references.map(({ name }) => name))]
    const given = names.some((name) => pipeline.overridden.has(name))
    const written = origin.references.map(({ text }) => `\`${text}\``).join(', ')
    const related = names.flatMap((name) => {
      if (pipeline.overridden.has(name)) return []
      const axis = pipeline.axes.find(({ param }) => param === name)
      const at: SourcePath = axis ? ['sweep', axis.replicate ? 'replicates' : 'axes', name] : ['params', name]
      return [{ ...pipeline.locate(at, 'key'), message: `\`${name}\` is set here` }]
    })
    diagnostics.error(origin.at(), {
      ...facts,
      message: `${facts.message} (from ${written}${given ? ', given with -p' : ''})`,
      ...(related.length > 0 ? { related } : {}),
    })
  }
}

function followsFromHole(path: SourcePath, exact: boolean, holes: ReadonlySet<string>): boolean {
  if (holes.size === 0) return false
  const pointer = pointerOf(path)
  for (const hole of holes) {
    if (pointer === hole || pointer.startsWith(`${hole}/`)) return true
    if (!exact && (pointer === '' || hole.startsWith(`${pointer}/`))) return true
  }
  return false
}

function originOf(path: SourcePath, bound: Bound): Origin | undefined {
  if (bound.origins.size === 0) return undefined
  const segments = pathOf(pointerOf(path))
  for (let length = segments.length; length >= 0; length--) {
    const origin = bound.origins.get(pointerOf(segments.slice(0, length)))
    if (origin) return origin
  }
  return undefined
}
