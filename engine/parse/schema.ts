import type { Json, OptionsSchema, Registry } from '../../stages/define.ts'
import { DURATION_PATTERN } from './duration.ts'

/** Names of params, datasets, models, stages. */
export const NAME: OptionsSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$',
  expects: 'a name of letters, digits, `_` and `-`',
}

const LATER = { notYet: true } as const
const text = (description: string): OptionsSchema => ({ type: 'string', description })
const mapOf = (description: string, member: OptionsSchema): OptionsSchema => ({
  type: ['object', 'null'],
  description,
  propertyNames: NAME,
  additionalProperties: member,
})
const duration: OptionsSchema = {
  type: 'string',
  pattern: DURATION_PATTERN,
  expects: 'a time span such as 30s, 5m or 2h',
}

/** The keys of a stage that may hold `${params…}`; checked once these are known. */
export const SETTINGS_SCHEMA: OptionsSchema = {
  type: 'object',
  properties: {
    resources: {
      type: 'object',
      description: 'What the stage needs while it runs; never part of its key.',
      additionalProperties: false,
      properties: {
        cpus: { type: 'integer', minimum: 1, description: 'CPU cores.' },
        memory: LATER,
        gpus: LATER,
        pools: LATER,
      },
    },
    timeout: { ...duration, description: 'Longest time that one attempt may take.' },
    retry: {
      type: 'object',
      description: 'How often a failing stage is tried, and how long to wait before the second attempt.',
      additionalProperties: false,
      properties: {
        attempts: { type: 'integer', minimum: 1, maximum: 100, description: 'Attempts in all.' },
        backoff: duration,
      },
    },
    allow_failed: {
      type: 'integer',
      minimum: 0,
      description: 'How many rows may fail for a passing reason without the stage failing.',
    },
    env: {
      type: 'object',
      description: 'Environment variables of its processes; they are part of its key.',
      propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$', expects: 'the name of a variable' },
      additionalProperties: { type: 'string' },
    },
  },
}

const STAGE: OptionsSchema = {
  type: 'object',
  required: ['uses'],
  additionalProperties: false,
  properties: {
    uses: text('The stage type.'),
    with: { type: ['object', 'null'], description: 'Options and inputs of the stage type.' },
    after: {
      type: 'array',
      items: { type: 'string' },
      description: 'Stages that must have finished before, although nothing of theirs is read.',
    },
    description: text('For people.'),
    pass_env: {
      type: 'array',
      items: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]*$', expects: 'the name of a variable' },
      description: 'Environment variables handed on to its processes; not part of its key.',
    },
    // Anything goes here for now: these are checked with their params filled in.
    ...Object.fromEntries(Object.keys(SETTINGS_SCHEMA.properties ?? {}).map((name) => [name, {}])),
    when: LATER,
    executor: LATER,
  },
}

const ASSIGNMENTS: OptionsSchema = { type: 'array', items: { type: 'object' } }

/** Form of a pipeline, without what depends on params: options, settings, datasets' and models' blocks. */
export const STRUCTURE_SCHEMA: OptionsSchema = {
  type: 'object',
  required: ['version', 'stages'],
  additionalProperties: false,
  properties: {
    version: { const: 1, code: 'unsupported-version', description: 'Version of the pipeline language.' },
    name: {
      type: 'string',
      pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$',
      expects: 'a name of letters, digits, `_`, `-` and `.`',
      description: 'Name of the pipeline; that of the file if left out.',
    },
    description: text('For people.'),
    params: { ...mapOf('Values that `-p NAME=VALUE` may override.', {}) },
    datasets: mapOf('Test collections and corpora.', {}),
    models: mapOf('Language models.', {}),
    stages: { ...mapOf('The stages of the pipeline.', STAGE), type: 'object', minProperties: 1 },
    sweep: {
      type: ['object', 'null'],
      description: 'Runs the stages for several values of params.',
      additionalProperties: false,
      properties: {
        axes: mapOf('Values by param; every combination is a variant.', { type: ['array', 'object'] }),
        replicates: mapOf('Seeds by param; results are folded over them.', { type: ['array', 'object'] }),
        exclude: { ...ASSIGNMENTS, description: 'Combinations to leave out.' },
        include: { ...ASSIGNMENTS, description: 'Combinations to add, one value for every axis.' },
      },
    },
    report: {
      type: ['object', 'null'],
      description: 'What the summary shows.',
      additionalProperties: false,
      properties: {
        metrics: { type: 'array', items: { type: 'string' }, description: 'Metrics to show.' },
        labels: { type: 'object', additionalProperties: { type: 'string' }, description: 'Names in tables, by stage.' },
        baseline: text('The stage that others must beat.'),
        x: LATER,
        series: LATER,
      },
    },
    include: LATER,
    baselines: LATER,
  },
}

/** The two schemas of the pipeline language. */
export interface PipelineSchemas {
  /** For loading: the form of the file. Blocks that depend on params are checked later, with their own schemas. */
  structure: OptionsSchema
  /** For editors (`pipeline.schema.json`): all of it, with `${…}` allowed wherever a value stands. */
  editor: { readonly [word: string]: Json }
}

const REFERENCE = { $ref: '#/$defs/reference' } as const

/** Puts the schemas of all stage types, datasets and models together. Members in a fixed order, words of ours left out. */
export function assembleSchema(registry: Registry): PipelineSchemas {
  const types = Object.keys(registry.stages).sort()
  const stage: OptionsSchema = {
    ...STAGE,
    properties: {
      ...STAGE.properties,
      ...SETTINGS_SCHEMA.properties,
      uses: { enum: types, description: 'The stage type.' },
    },
  }
  const stageForEditors = forEditors(stage, false) as { [word: string]: Json }
  stageForEditors.allOf = types.map((type) => {
    const { options, description } = registry.stages[type]!
    const withSchema = { ...(forEditors(options, false) as { [word: string]: Json }), description }
    const needsWith = (options.required ?? []).length > 0
    return {
      if: { properties: { uses: { const: type } } },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: { properties: { with: withSchema }, ...(needsWith ? { required: ['with'] } : {}) },
    }
  })
  const root = forEditors(
    {
      ...STRUCTURE_SCHEMA,
      properties: {
        ...STRUCTURE_SCHEMA.properties,
        datasets: mapOf('Test collections and corpora.', registry.datasets.schema),
        models: mapOf('Language models.', registry.models.schema),
      },
    },
    false,
  ) as { [word: string]: { [name: string]: Json } }
  const properties = root.properties as { [name: string]: { [word: string]: Json } }
  properties.stages = { ...properties.stages, additionalProperties: { $ref: '#/$defs/stage' } }
  for (const section of ['datasets', 'models'] as const) {
    const member = properties[section]!.additionalProperties as { anyOf?: Json[] }
    properties[section] = { ...properties[section], additionalProperties: member.anyOf?.[0] ?? member }
  }
  return {
    structure: STRUCTURE_SCHEMA,
    editor: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'queryloom pipeline',
      ...root,
      $defs: {
        reference: { type: 'string', pattern: '\\$\\{', description: 'A reference such as ${params.NAME}.' },
        stage: stageForEditors,
      },
    },
  }
}

/** A schema in standard words only, that also accepts references below (and, with `here`, instead of) its value. */
function forEditors(schema: OptionsSchema, here: boolean): Json {
  const out: { [word: string]: Json } = {}
  for (const [word, value] of Object.entries(schema)) {
    if (value === undefined || word === 'semantic' || word === 'slot' || word === 'expects' || word === 'code') continue
    if (word === 'properties') {
      const members = Object.entries(value as { [name: string]: OptionsSchema }).filter(([, member]) => !member.notYet)
      out.properties = Object.fromEntries(members.map(([name, member]) => [name, forEditors(member, true)]))
    } else if (word === 'items' || (word === 'additionalProperties' && typeof value === 'object')) {
      out[word] = forEditors(value as OptionsSchema, true)
    } else if (word === 'propertyNames') out[word] = forEditors(value as OptionsSchema, false)
    else if (word === 'oneOf' || word === 'anyOf') {
      // A reference would fit several branches of a `oneOf`.
      out.anyOf = (value as OptionsSchema[]).map((branch) => forEditors(branch, false))
    } else if (word === 'allOf') out.allOf = (value as OptionsSchema[]).map((branch) => forEditors(branch, false))
    else out[word] = value as Json
  }
  if (schema.slot) {
    const { accepts } = schema.slot
    const path = accepts.includes('prompt') || accepts.includes('path')
    const rest = Object.fromEntries(Object.entries(out).filter(([word]) => word !== 'description'))
    const forms: Json[] = [path ? { type: 'string' } : REFERENCE]
    if (Object.keys(rest).length > 0) forms.push(rest)
    return { ...(schema.description ? { description: schema.description } : {}), anyOf: forms }
  }
  if (!here || Object.keys(out).length === 0) return out
  return { ...(schema.description ? { description: schema.description } : {}), anyOf: [out, REFERENCE] }
}
