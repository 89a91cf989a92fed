import { StageError } from '../../../stages/define.ts'
import { paintFor } from '../../report/colour.ts'
import { compareSides } from '../../report/compare/comparison.ts'
import { comparisonMarkdown, comparisonText } from '../../report/compare/comparison-text.ts'
import { failureText } from '../../report/failure-text.ts'
import { failureOf } from '../../run/failure.ts'
import { withSides } from '../compare/open-sides.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson, wrapColumns } from '../print.ts'
import type { CompareCommandOptions } from '../program.ts'

/** `queryloom compare`: what changed from one side to the other, and what it did. */
export async function compareCommand(a: string, b: string, options: CompareCommandOptions): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  const { datasets } = registry
  try {
    return await withSides([a, b], options, registry, async ({ a: before, b: now, base, store }) => {
      const { queries, system, format, json } = options
      const comparison = await compareSides(
        before,
        now,
        { base, ...(queries ? { queries } : {}), ...(system === undefined ? {} : { system }) },
        { blobs: store.blobs, datasets },
      )
      if (json) printJson(comparison)
      else if (format === 'md') print(comparisonMarkdown(comparison))
      else print(comparisonText(comparison, wrapColumns(), paintFor(process.stdout)))
      if (!queries || comparison.queries) return ExitStatus.ok
      const measured = comparison.effects.flatMap(({ systems }) => systems.map((one) => one.system))
      const what =
        system === undefined
          ? 'no system has other scores on both sides'
          : `no system ${system} is measured on both sides`
      const there = measured.length > 0 ? `; measured are ${measured.join(', ')}` : ''
      process.stderr.write(`no queries to show: ${what}${there}\n`)
      return system === undefined ? ExitStatus.ok : ExitStatus.invalid
    })
  } catch (error) {
    if (!(error instanceof StageError)) throw error
    process.stderr.write(`${failureText(failureOf(error))}\n`)
    return ExitStatus.invalid
  }
}
