import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { artifact } from '../data/rows.ts'
import { StageError, type StageInput } from '../define.ts'

/** File of a filter's pairs that says where its steps drew their lines; only there where a step draws one. */
export const THRESHOLDS_FILE = 'thresholds.json'

/** The score from which on a step kept pairs; null where it kept none. */
export type RealisedThreshold = { step: string; threshold: number | null }

/** Writes what the steps realised, in their order, for other filters to take over. */
export async function writeThresholds(folder: string, thresholds: readonly RealisedThreshold[]): Promise<void> {
  await writeFile(path.join(folder, THRESHOLDS_FILE), `${JSON.stringify({ schema: 1, thresholds })}\n`)
}

/** The threshold of the `nth` step of this name (the last one, where there are fewer) of another filter. */
export async function readThreshold(input: StageInput | undefined, step: string, nth: number): Promise<number> {
  const file = artifact(input).files.find((candidate) => candidate.path === THRESHOLDS_FILE)
  const { thresholds } = file
    ? (JSON.parse(await readFile(file.location, 'utf8')) as { thresholds: RealisedThreshold[] })
    : { thresholds: [] }
  const of = thresholds.filter((one) => one.step === step)
  const found = of[nth] ?? of.at(-1)
  if (!found)
    throw new StageError(`\`threshold_from\` names pairs of which no threshold of a step \`${step}\` is known`, {
      advice: `It must name the pairs of a filter that has a step \`${step}\` itself, like \${stages.NAME.pairs}.`,
    })
  return found.threshold ?? Number.POSITIVE_INFINITY
}
