import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { csvText, latexTable, markdownTable } from '../../engine/util/tables/formats.ts'
import type { Json, StageContext, StageSummary } from '../define.ts'
import { type Findings, findingsOf } from './findings.ts'
import { readMeasured } from './measured.ts'
import type { AnalysisOptions } from './stage.ts'
import { tablesOf } from './tables.ts'
import { methodsText, signatureText } from './words.ts'

/** Writes `analysis.json`, and the same for people: `analysis.md`, `analysis.csv`, `analysis.tex`. */
export async function run(context: StageContext<AnalysisOptions>): Promise<StageSummary> {
  const measured = await readMeasured(context)
  const findings = await findingsOf(measured, context.options)
  const warnings = findings.signatures.map(signatureText)
  const folder = context.outputs.analysis!
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text, { flag: 'wx' })
  await write('analysis.json', `${JSON.stringify(findings, rounded, 2)}\n`)
  await write('analysis.md', markdown(findings, warnings))
  await write('analysis.csv', csv(findings))
  await write('analysis.tex', `${tablesOf(findings).map(latexTable).join('\n\n')}\n`)
  const plateaus = findings.collections.flatMap((one) => one.plateaus)
  const claims = findings.collections.flatMap(({ collection, claims = [] }) =>
    claims.map(({ claim, verdict }): Json => ({ claim, collection, verdict })),
  )
  return {
    counts: {
      systems: new Set(measured.map(({ name }) => name)).size,
      collections: findings.collections.length,
      contrasts: findings.collections.reduce((sum, { contrasts }) => sum + contrasts.length, 0),
      signs: findings.signatures.length,
    },
    ...(warnings.length > 0 ? { warnings } : {}),
    details: {
      signs: findings.signatures.map(({ kind }) => kind),
      plateaus: plateaus.map(
        ({ system, at, undetermined }): Json => ({
          system,
          ...(at === undefined ? { undetermined: undetermined ?? '' } : { at }),
        }),
      ),
      ...(claims.length > 0 ? { claims } : {}),
    },
  }
}

function markdown(findings: Findings, signs: readonly string[]): string {
  const parts = [
    '## Analysis',
    ...tablesOf(findings).map(markdownTable),
    ...(signs.length > 0 ? ['### Signs to look at', signs.map((sign) => `- ${sign}`).join('\n')] : []),
    '### Methods',
    methodsText(findings),
  ]
  return `${parts.join('\n\n')}\n`
}

function csv({ collections, metrics }: Findings): string {
  const columns = ['collection', 'system', 'metric', 'mean', 'sd', 'mean_all_queries', 'trainings', 'queries']
  const rows = collections.flatMap((one) =>
    one.systems.flatMap((system) =>
      metrics.map((metric) => {
        const { mean, sd, all } = system.metrics[metric]!
        const [rounded, spread, overAll] = [round(mean), sd === null ? null : round(sd), round(all)]
        return [one.collection, system.system, metric, rounded, spread, overAll, system.replicates, one.queries]
      }),
    ),
  )
  return csvText(columns, rows)
}

// The last bits of sums are nobody's concern, and p and intervals are no more exact than this.
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? (Number.isFinite(value) ? round(value) : null) : value
}

function round(value: number): number {
  return Math.round(value * 1e8) / 1e8
}
