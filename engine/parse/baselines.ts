import type { Json, Registry } from '../../stages/define.ts'
import type { Diagnostics } from './diagnostics.ts'
import { asList } from './json.ts'
import type { Pipeline, SourcePath, StageBlock } from './pipeline.ts'
import { suggest } from './suggest.ts'

/** The stages of a pipeline with those that `baselines:` adds. */
export interface WithBaselines {
  stages: { readonly [name: string]: StageBlock }
  /** Names in tables of added stages. */
  labels: { readonly [stage: string]: string }
  /** Where an added stage was asked for: its entry in `baselines:`. */
  entryOf: ReadonlyMap<string, SourcePath>
  /** The written stage that an added one is made like; paths are relative to where that is written. */
  likeOf: ReadonlyMap<string, string>
}

/** Adds what `baselines:` names to the stages written; they become stages like all others. */
export function addBaselines(
  written: Json,
  stages: { readonly [name: string]: StageBlock },
  { stages: types, baselines }: Registry,
  { locate }: Pick<Pipeline, 'locate'>,
  diagnostics: Diagnostics,
): WithBaselines {
  const all: { [name: string]: StageBlock } = { ...stages }
  const labels: { [stage: string]: string } = {}
  const entryOf = new Map<string, SourcePath>()
  const likeOf = new Map<string, string>()
  const seen = new Set<string>()
  // What is missing for a baseline may be what a misspelt type was meant to be.
  const sound = Object.values(stages).every(({ uses }) => Object.hasOwn(types, uses))
  for (const [i, name] of asList(written).entries()) {
    if (typeof name !== 'string') continue
    const entry: SourcePath = ['baselines', i]
    const at = locate(entry)
    if (!baselines || !Object.hasOwn(baselines.known, name)) {
      const known = Object.keys(baselines?.known ?? {})
      const near = suggest(name, known)
      diagnostics.error(at, {
        code: 'baseline',
        message: `there is no baseline \`${name}\``,
        ...(near !== undefined
          ? { suggestion: near }
          : { advice: known.length > 0 ? `There is: ${known.join(', ')}.` : 'There are none to add.' }),
      })
      continue
    }
    if (seen.has(name)) {
      diagnostics.error(at, { code: 'baseline', message: `\`${name}\` stands here twice` })
      continue
    }
    seen.add(name)
    if (!sound) continue
    const derived = baselines.derive(name, stages)
    if ('message' in derived) {
      const { message, advice } = derived
      const why = `\`${name}\` can't be derived: ${message}`
      diagnostics.error(at, { code: 'baseline', message: why, ...(advice === undefined ? {} : { advice }) })
      continue
    }
    for (const { message, advice } of derived.warnings)
      diagnostics.warning(at, { code: 'baseline', message, ...(advice === undefined ? {} : { advice }) })
    for (const { name: stage, uses, with: options, like, label } of derived.stages) {
      if (Object.hasOwn(stages, stage)) {
        diagnostics.error(at, {
          code: 'baseline',
          message: `\`${name}\` adds a stage \`${stage}\`, and there is one already`,
          advice: 'Rename that one, or leave this baseline out.',
          related: [{ ...locate(['stages', stage], 'key'), message: 'here' }],
        })
        continue
      }
      all[stage] = { ...stages[like]!, name: stage, uses, with: options, description: `baseline ${name}, as ${like}` }
      entryOf.set(stage, entry)
      likeOf.set(stage, like)
      if (label !== undefined) labels[stage] = label
    }
  }
  return { stages: all, labels, entryOf, likeOf }
}
