import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Json, type OptionsSchema, StageError } from '../../../stages/define.ts'
import { accepts } from '../../parse/accepts.ts'
import type { Pipeline } from '../../parse/pipeline.ts'
import type { ClaimSource } from './joined.ts'

/** Reads claims of an `analysis.json`, or of the folder of its output or stage; what others made is checked before it is used. */
export function readClaims(path: string): ClaimSource['collections'] {
  const places = ['analysis.json', 'analysis/analysis.json'].map((place) => join(path, place))
  const file = statSync(path).isDirectory()
    ? (places.find((place) => existsSync(place)) ?? (places[0] as string))
    : path
  let value: Json
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw refused(file, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'is no JSON')
  }
  if (!accepts(ANALYSIS, value, new Map())) throw refused(file, 'is no analysis')
  return (value as unknown as { collections: ClaimSource['collections'] }).collections
}

/** The findings that a pipeline's analyses are to test, whether it was run or not. */
export function namedFindings({ stages }: Pick<Pipeline, 'stages'>): string[] {
  return Object.values(stages).flatMap(({ uses, with: options }) => {
    if (uses !== 'analysis' || !Array.isArray(options.claims)) return []
    return options.claims.flatMap((one) => {
      const finding = (one as { finding?: Json } | null)?.finding
      return typeof finding === 'string' ? [finding] : []
    })
  })
}

function refused(file: string, what: string): StageError {
  return new StageError(`${file} ${what}`, {
    advice: 'Name the output of an `analysis` stage, which lies in out/PIPELINE/STAGE/analysis after a run.',
  })
}

const text: OptionsSchema = { type: 'string' }
const texts: OptionsSchema = { type: 'array', items: text }
const number: OptionsSchema = { type: 'number' }
const verdict: OptionsSchema = { enum: ['holds', 'does not hold', 'undetermined'] }

const DIFFERENCE: OptionsSchema = {
  type: 'object',
  required: ['plus', 'minus', 'metric', 'verdict'],
  properties: {
    plus: texts,
    minus: texts,
    metric: text,
    above: number,
    below: number,
    difference: {
      type: 'object',
      required: ['mean', 'low', 'high'],
      properties: { mean: number, low: number, high: number },
    },
    verdict,
    why: text,
  },
}

const CLAIM: OptionsSchema = {
  type: 'object',
  required: ['claim', 'verdict', 'differences'],
  properties: { claim: text, finding: text, verdict, differences: { type: 'array', minItems: 1, items: DIFFERENCE } },
}

const ANALYSIS: OptionsSchema = {
  type: 'object',
  required: ['schema', 'collections'],
  properties: {
    schema: { const: 1 },
    collections: {
      type: 'array',
      items: {
        type: 'object',
        required: ['collection'],
        properties: { collection: text, claims: { type: 'array', items: CLAIM } },
      },
    },
  },
}
