import type { Json } from '../../stages/define.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import { asMap, asText, asTexts } from './json.ts'
import type { ReportBlock, SourcePath } from './pipeline.ts'
import { stagesThereAre } from './stages-there-are.ts'
import { suggest } from './suggest.ts'

type Map = { readonly [name: string]: Json }

/** What a report can name. */
interface Named {
  stages: { readonly [name: string]: unknown }
  /** Names in tables of stages that nobody wrote; those in the block win. */
  labels: { readonly [stage: string]: string }
  /** `sweep:` as written: an axis that `-p` has set is one all the same. */
  sweep: Map
}

/** Reads `report:` (its form is already checked); what it names must be there. */
export function readReport(
  block: Map,
  { stages, labels: added, sweep }: Named,
  document: SourceDocument,
  diagnostics: Diagnostics,
): ReportBlock {
  const unknown = (name: string, at: SourcePath, what: 'key' | 'value'): void => {
    if (Object.hasOwn(stages, name)) return
    const meant = suggest(name, Object.keys(stages))
    diagnostics.error(document.locate(at, what), {
      code: 'unknown-reference',
      message: `there is no stage \`${name}\``,
      ...(meant === undefined ? { advice: stagesThereAre(stages) } : { suggestion: meant }),
    })
  }
  const labels: { [stage: string]: string } = { ...added }
  for (const [stage, label] of Object.entries(asMap(block.labels))) {
    unknown(stage, ['report', 'labels', stage], 'key')
    if (typeof label === 'string') labels[stage] = label
  }
  const baseline = asText(block.baseline)
  if (baseline !== undefined) unknown(baseline, ['report', 'baseline'], 'value')
  const axis = (key: 'x' | 'series'): string | undefined => {
    const name = asText(block[key])
    const problem = name === undefined ? undefined : axisProblem(name, sweep)
    if (problem) diagnostics.error(document.locate(['report', key]), { code: 'report', ...problem })
    return problem ? undefined : name
  }
  const x = axis('x')
  const series = axis('series')
  if (series !== undefined && series === asText(block.x))
    diagnostics.error(document.locate(['report', 'series']), {
      code: 'report',
      message: `\`${series}\` can't be both the columns and the rows`,
    })
  else if (series !== undefined && block.x === undefined)
    diagnostics.error(document.locate(['report', 'series'], 'key'), {
      code: 'report',
      message: '`series` are the rows of a table that has no columns',
      advice: 'Name an axis for them: `x: …`.',
    })
  return {
    ...(Array.isArray(block.metrics) ? { metrics: asTexts(block.metrics) } : {}),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(baseline === undefined ? {} : { baseline }),
    ...(x === undefined ? {} : { x }),
    ...(series === undefined ? {} : { series }),
  }
}

function axisProblem(name: string, sweep: Map): { message: string; suggestion?: string; advice?: string } | undefined {
  const axes = Object.keys(asMap(sweep.axes))
  if (axes.includes(name)) return undefined
  if (Object.hasOwn(asMap(sweep.replicates), name))
    return {
      message: `results are folded over the replicates of \`${name}\``,
      ...(axes.length > 0 ? { advice: `The axes: ${axes.join(', ')}.` } : {}),
    }
  const near = suggest(name, axes)
  return {
    message: `\`${name}\` is no axis of the sweep`,
    ...(near !== undefined
      ? { suggestion: near }
      : { advice: axes.length === 0 ? 'The sweep has none.' : `The axes: ${axes.join(', ')}.` }),
  }
}
