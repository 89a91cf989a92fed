import type { AnyStageDefinition, ArtifactKind } from '../../stages/define.ts'
import type { OutputKinds } from './edge.ts'
import type { BoundStage } from './stage-plan.ts'

/** What outputs a stage has in all of its variants, or undefined if that can't be told. */
export function outputKinds(
  definition: AnyStageDefinition | undefined,
  variants: Iterable<BoundStage>,
): OutputKinds | undefined {
  if (typeof definition?.outputs === 'object')
    return new Map(Object.entries(definition.outputs).map(([name, kind]) => [name, new Set([kind])]))
  let common: Map<string, Set<ArtifactKind>> | undefined
  for (const { outputs } of variants) {
    if (!outputs) return undefined
    if (!common) common = new Map(Object.entries(outputs).map(([name, kind]) => [name, new Set([kind])]))
    else {
      for (const [name, kinds] of common) {
        if (Object.hasOwn(outputs, name)) kinds.add(outputs[name]!)
        else common.delete(name)
      }
    }
  }
  return common
}
