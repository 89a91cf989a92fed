import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import type { Pipeline } from '../parse/pipeline.ts'
import { suggest } from '../parse/suggest.ts'
import type { AbsentNode } from './node.ts'
import type { FoundReference } from './scan.ts'

/** Reports a stage type that there is not. */
export function reportStageType(
  stage: string,
  types: readonly string[],
  pipeline: Pipeline,
  diagnostics: Diagnostics,
): void {
  const { uses } = pipeline.stages[stage]!
  const near = suggest(uses, types)
  diagnostics.error(pipeline.locate(['stages', stage, 'uses']), {
    code: 'unknown-stage-type',
    message: `there is no stage type \`${uses}\``,
    ...(near === undefined ? { advice: `There is: ${[...types].sort().join(', ')}.` } : { suggestion: near }),
  })
}

/** Reports stages that need each other in a circle: the whole way around, and where each says so. */
export function reportCycle(
  cycle: readonly string[],
  referencesOf: (stage: string) => readonly FoundReference[],
  pipeline: Pipeline,
  diagnostics: Diagnostics,
): void {
  const where = (from: string, to: string): Position => {
    const found = referencesOf(to).find(({ reference: { root, name } }) => root === 'stages' && name === from)
    if (!found) return pipeline.locate(['stages', to, 'after', pipeline.stages[to]!.after.indexOf(from)])
    return pipeline.locateText(found.path, found.reference.index, found.reference.text.length)
  }
  const edges = cycle.map((name, i) => {
    const next = cycle[(i + 1) % cycle.length]!
    return { ...where(name, next), message: `\`${next}\` needs \`${name}\`` }
  })
  const { message: _, ...last } = edges.at(-1)!
  diagnostics.error(last, {
    code: 'cycle',
    message:
      cycle.length === 1
        ? `stage \`${cycle[0]}\` needs itself`
        : `stages need each other in a circle: ${[...cycle, cycle[0]].join(' -> ')}`,
    advice: 'Remove one of these references.',
    ...(edges.length > 1 ? { related: edges.slice(0, -1) } : {}),
  })
}

/** Reports that `when` leaves no node of the pipeline. */
export function reportNothingLeft(absent: readonly AbsentNode[], pipeline: Pipeline, diagnostics: Diagnostics): void {
  const [first, ...more] = new Set(absent.filter(({ because }) => because.kind === 'when').map(({ stage }) => stage))
  if (first === undefined) return
  const related = more.map((stage) => ({ ...pipeline.locate(['stages', stage, 'when']), message: 'and this' }))
  diagnostics.error(pipeline.locate(['stages', first, 'when']), {
    code: 'when',
    message: 'nothing is left of the pipeline: this `when` is false, and all else needs what it leaves out',
    advice: 'Set the param that it names with -p, or write `when: true`.',
    ...(related.length > 0 ? { related } : {}),
  })
}

/** Warns of the axes of a sweep that no stage depends on; `used` holds the indexes of the others. */
export function warnOfIdleAxes(used: ReadonlySet<number>, pipeline: Pipeline, diagnostics: Diagnostics): void {
  for (const [axis, { param, replicate }] of pipeline.axes.entries()) {
    if (used.has(axis)) continue
    diagnostics.warning(pipeline.locate(['sweep', replicate ? 'replicates' : 'axes', param], 'key'), {
      code: 'sweep',
      message: `no stage depends on \`${param}\`, so this axis changes nothing`,
      advice: `Use \${params.${param}} in a stage, or remove the axis.`,
    })
  }
}
