import type { Diagnostics } from '../parse/diagnostics.ts'
import type { SchemaProblem } from '../parse/explain.ts'
import { pointerOf } from '../parse/path-text.ts'
import type { Pipeline, SourcePath } from '../parse/pipeline.ts'
import type { Bound } from './bind.ts'
import { type Origin, throughParams } from './origin.ts'

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
    // A key belongs to the map that it stands in, wherever its value came from.
    const ownKey = what === 'key' && !facts.code.startsWith('missing-')
    const { origin, inside } = originOf(path, ownKey ? path.length - 1 : path.length, bound)
    if (!origin) {
      diagnostics.error(pipeline.locate([...base, ...path], what), facts)
      continue
    }
    diagnostics.error(origin.at(), throughParams(facts, origin, inside))
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

/** How the value at the first `from` segments of a path, or what it stands in, came into the block; `inside` leads on. */
function originOf(path: SourcePath, from: number, bound: Bound): { origin: Origin | undefined; inside: SourcePath } {
  for (let length = bound.origins.size === 0 ? -1 : from; length >= 0; length--) {
    const origin = bound.origins.get(pointerOf(path.slice(0, length)))
    if (origin) return { origin, inside: path.slice(length) }
  }
  return { origin: undefined, inside: [] }
}
