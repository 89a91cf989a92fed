import type { Json, OptionsSchema, Registry } from '../../stages/define.ts'
import { BYTE_SIZE_PATTERN } from '../util/byte-size.ts'
import { DURATION_PATTERN } from './duration.ts'

/** Names of params, datasets, models, stages. */
const NAME: OptionsSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$',
  expects: 'a name of letters, digits, `_` and `-`, a hundred of them at most',
}

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

const memory = (description: string): OptionsSchema => ({
  description,
  oneOf: [
    { type: 'integer', minimum: 1 },
    { type: 'string', pattern: BYTE_SIZE_PATTERN, expects: 'an amount such as 512MB or 8GiB' },
  ],
})
const POOL: OptionsSchema = { type: 'integer', minimum: 1, description: 'How much of it can be used at once.' }

/** Sizes by pool; checked once params are filled in. */
export const POOLS_SCHEMA: OptionsSchema = { type: 'object', additionalProperties: POOL }

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
        memory: memory('Memory, in bytes or as 512MB, 8GiB. It is set aside, not enforced.'),
        gpus: {
          description:
            'Graphics cards of its own; 0 hides all of them. `{ count, memory }` asks for free memory on each.',
          oneOf: [
            { type: 'integer', minimum: 0 },
            {
              type: 'object',
              required: ['count'],
              additionalProperties: false,
              properties: {
                count: { type: 'integer', minimum: 1, description: 'How many cards.' },
                memory: memory('Memory that must be free on each card.'),
              },
            },
          ],
        },
        pools: {
          type: 'object',
          description: 'How much it uses of the pools declared at the top of the file.',
          propertyNames: NAME,
          additionalProperties: { type: 'integer', minimum: 1 },
        },
      },
    },
    executor: {
      enum: ['local', 'slurm'],
      description:
        'Where it runs: on this machine, or as a job of Slurm. Not part of its key. Default: what the profile says (`--profile`), else this machine.',
    },
    when: {
      type: 'boolean',
      description: 'Whether the stage is there at all. What reads a stage that is not there is not there either.',
    },
    timeout: { ...duration, description: 'Longest time that one attempt may take.' },
    retry: {
      type: 'object',
      description: 'How often a failing stage is tried, and how long to wait before the second attempt.',
      additionalProperties: false,
      properties: {
        attempts: { type: 'integer', minimum: 1, maximum: 100, description: 'Attempts in all.' },
        backoff: {
          ...duration,
          description: 'How long to wait before the second attempt; twice that before the third, and so on.',
        },
        memory: {
          type: 'number',
          minimum: 1,
          maximum: 16,
          description: 'As a job: after one that took more memory than it had, so many times as much is asked for.',
        },
      },
    },
    env: {
      type: 'object',
      description: 'Environment variables of its processes; they are part of its key, openly: no place for a secret.',
      propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$', expects: 'the name of a variable (letters, digits, `_`)' },
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
      items: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]*$', expects: 'the name of a variable alone' },
      description:
        'Environment variables handed on to its processes; not part of its key. What they hold is taken out of logs.',
    },
    // Anything goes here for now: these are checked with their params filled in.
    ...Object.fromEntries(Object.keys(SETTINGS_SCHEMA.properties ?? {}).map((name) => [name, {}])),
  },
}

const BASELINES: OptionsSchema = {
  type: ['array', 'null'],
  description: 'Systems to compare with, added as stages `baseline-…` at the same budget.',
}

const ASSIGNMENTS: OptionsSchema = { type: 'array', items: { type: 'object' } }

/** Form of a pipeline, without what depends on params: options, settings, datasets' and models' blocks. */
export const STRUCTURE_SCHEMA: OptionsSchema = {
  type: 'object',
  required: ['version'],
  additionalProperties: false,
  properties: {
    version: { const: 1, code: 'unsupported-version', description: 'Version of the pipeline language: 1.' },
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
    pools: mapOf('What stages share and only so much can be used of at once, e.g. requests to a service.', {}),
    stages: mapOf('The stages of the pipeline.', STAGE),
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
        x: text('The axis whose values are the columns of further tables, one for each metric.'),
        series: text('The axis whose values are the rows of these tables.'),
      },
    },
    include: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description: 'Paths of files with further params, datasets, models and stages.',
    },
    baselines: { ...BASELINES, items: { type: 'string' } },
  },
}

/** Form of an included file: it adds to the sections of the pipeline that includes it. */
export const INCLUDED_SCHEMA: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    ['version', 'description', 'include', 'params', 'datasets', 'models', 'stages'].map((name) => [
      name,
      STRUCTURE_SCHEMA.properties![name]!,
    ]),
  ),
}

/** The two schemas of the pipeline language. */
export interface PipelineSchemas {
  /** For loading: the form of the file. Blocks that depend on params are checked later, with their own schemas. */
  structure: OptionsSchema
  /** For editors (`pipeline.schema.json`): all of it, with `${…}` allowed wherever a value stands. */
  editor: { readonly [word: string]: Json }
}

const OUR_WORDS = ['semantic', 'relative', 'slot', 'expects', 'code']
const REFERENCE = { $ref: '#/$defs/reference' } as const

/** Puts the schemas of all stage types, datasets and models together. Members in a fixed order, words of ours left out. */
export function assembleSchema(registry: Registry): PipelineSchemas {
  const types = Object.keys(registry.stages).sort()
  const stage = forEditors(STAGE, 'nowhere')
  stage.properties = {
    ...(stage.properties as { [name: string]: Json }),
    ...(forEditors(SETTINGS_SCHEMA, 'inside').properties as { [name: string]: Json }),
    uses: { enum: types, description: 'The stage type.' },
  }
  stage.allOf = types.map((type) => {
    const { options, description } = registry.stages[type]!
    const needsWith = (options.required ?? []).length > 0
    return {
      if: { properties: { uses: { const: type } } },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: {
        properties: { with: { ...forEditors(options, 'inside'), description } },
        ...(needsWith ? { required: ['with'] } : {}),
      },
    }
  })
  const { properties = {}, ...form } = STRUCTURE_SCHEMA
  const described: { [name: string]: Json } = {}
  for (const [name, section] of Object.entries(properties)) described[name] = forEditors(section, 'nowhere')
  const known = Object.entries(registry.baselines?.known ?? {})
  described.baselines = {
    ...(forEditors(BASELINES, 'nowhere') as { [word: string]: Json }),
    items:
      known.length === 0
        ? { type: 'string' }
        : { oneOf: known.map(([name, description]) => ({ const: name, description })) },
  }
  const members = {
    stages: { $ref: '#/$defs/stage' },
    datasets: forEditors(registry.datasets.schema, 'inside'),
    models: forEditors(registry.models.schema, 'inside'),
    pools: forEditors(POOL, 'here'),
  }
  for (const [name, member] of Object.entries(members))
    described[name] = { ...(described[name] as { [word: string]: Json }), additionalProperties: member }
  return {
    structure: STRUCTURE_SCHEMA,
    editor: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'queryloom pipeline',
      ...(form as { [word: string]: Json }),
      anyOf: [{ required: ['stages'] }, { required: ['include'] }],
      properties: described,
      $defs: {
        reference: { type: 'string', pattern: '\\$\\{', description: 'A reference such as ${params.NAME}.' },
        stage,
      },
    },
  }
}

type References = 'nowhere' | 'inside' | 'here'

/** A schema in standard words only, that also accepts references inside its value, or instead of it too. */
function forEditors(schema: OptionsSchema, references: References): { [word: string]: Json } {
  const below = references === 'nowhere' ? 'nowhere' : 'here'
  const beside = references === 'nowhere' ? 'nowhere' : 'inside'
  const out: { [word: string]: Json } = {}
  for (const [word, value] of Object.entries(schema)) {
    if (value === undefined || OUR_WORDS.includes(word)) continue
    if (word === 'properties') {
      const members = Object.entries(value as { [name: string]: OptionsSchema })
      out.properties = Object.fromEntries(members.map(([name, member]) => [name, forEditors(member, below)]))
    } else if (word === 'items' || (word === 'additionalProperties' && typeof value === 'object'))
      out[word] = forEditors(value as OptionsSchema, below)
    else if (word === 'propertyNames') out[word] = forEditors(value as OptionsSchema, 'nowhere')
    else if (word === 'oneOf' || word === 'anyOf' || word === 'allOf') {
      // A reference would fit several branches of a `oneOf`.
      const branches = (value as readonly OptionsSchema[]).map((branch) => forEditors(branch, beside))
      out[word === 'allOf' ? 'allOf' : 'anyOf'] = branches
    } else out[word] = value as Json
  }
  const description = schema.description === undefined ? {} : { description: schema.description }
  if (schema.slot) {
    const { accepts } = schema.slot
    const path = accepts.includes('prompt') || accepts.includes('path')
    const rest = Object.fromEntries(Object.entries(out).filter(([word]) => word !== 'description'))
    return {
      ...description,
      anyOf: [path ? { type: 'string' } : REFERENCE, ...(Object.keys(rest).length > 0 ? [rest] : [])],
    }
  }
  return references === 'here' && Object.keys(out).length > 0 ? { ...description, anyOf: [out, REFERENCE] } : out
}
