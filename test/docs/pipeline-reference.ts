import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SETTINGS_SCHEMA, STRUCTURE_SCHEMA } from '../../engine/parse/schema.ts'
import type { OptionsSchema, Registry } from '../../stages/define.ts'
import { OPTION_HEAD, optionRows, rowOf } from './option-rows.ts'

/** A pipeline with each key of the language in it; what it reads is given by its tests. */
export const EVERY_KEY: string = readFileSync(join(import.meta.dirname, 'every-key.yaml'), 'utf8')

/** The reference of the pipeline file, written from the schemas that it is checked by. */
export function pipelineReference(registry: Registry): string {
  const sections = STRUCTURE_SCHEMA.properties ?? {}
  const block = (...names: string[]): OptionsSchema => ({
    required: STRUCTURE_SCHEMA.required ?? [],
    properties: Object.fromEntries(names.map((name) => [name, sections[name] as OptionsSchema])),
  })
  const members = ['params', 'datasets', 'models', 'pools', 'stages']
  const whole = Object.entries(sections)
  return `${[
    '# The pipeline file',
    '',
    'Written from the schemas that pipelines are checked by; a test holds it equal to them. `pipelines/pipeline.schema.json`',
    'is the same for editors: name it in the first line, as below, and they complete and check while you type.',
    '',
    'YAML 1.2, one file. Every problem of a file is told at once, with its place: `queryloom validate FILE`. Paths are',
    'relative to the file that they are written in; those given with `-p`, to the current folder.',
    '',
    '```yaml',
    EVERY_KEY.trimEnd(),
    '```',
    '',
    '## Top level',
    '',
    ...OPTION_HEAD,
    ...whole.map(([name, section]) => rowOf(name, section, STRUCTURE_SCHEMA.required?.includes(name) ?? false)),
    '',
    'An included file has `params`, `datasets`, `models`, `stages`, and `include` again; a name that is there twice is an',
    'error that tells both places.',
    '',
    '## References',
    '',
    '| written | is |',
    '|---|---|',
    '| `${params.NAME}`, `${params.NAME.MEMBER}` | a value, of whatever type; inside a longer text it must be a scalar |',
    '| `${datasets.NAME}`, `${datasets.NAME.SPLIT}` | a collection, or one of its splits |',
    '| `${models.NAME}` | a model |',
    '| `${stages.NAME.OUTPUT}` | an output: this makes an edge of the graph |',
    '| `${stages.NAME.OUTPUT[*]}` | the outputs of all variants of a stage, where lists are taken |',
    '| `$${` | the characters `${` themselves |',
    '',
    'There are no expressions. An output of the wrong kind is an error at the reference (see [stages](stages.md)).',
    '',
    ...section('stages.NAME', 'What `with` takes is told for each stage type in [stages](stages.md).', stageSchema()),
    ...section('datasets.NAME', 'More in [datasets](datasets.md).', registry.datasets.schema),
    ...section('models.NAME', 'More in [models](models.md) and [encoders](encoders.md).', registry.models.schema),
    ...section('sweep', 'More in [sweeps](sweeps.md).', block('sweep').properties!.sweep!),
    ...baselines(registry),
    ...section('report', 'More in [sweeps](sweeps.md) and [evaluation](evaluation.md).', sections.report!),
    '## Names',
    '',
    `Members of ${members.map((name) => `\`${name}\``).join(', ')} are named by letters, digits, \`_\` and \`-\`, a hundred of them at`,
    'most. Amounts of memory read `512MB` or `8GiB`, spans of time `30s`, `5m`, `2h`.',
  ].join('\n')}\n`
}

/** A stage's block: what is checked at once, and what is checked when its params are known. */
function stageSchema(): OptionsSchema {
  const stage = STRUCTURE_SCHEMA.properties?.stages?.additionalProperties as OptionsSchema
  return { ...stage, properties: { ...stage.properties, ...SETTINGS_SCHEMA.properties } }
}

function section(title: string, more: string, schema: OptionsSchema): string[] {
  const intro = [schema.description, more].filter((text) => text !== undefined).join(' ')
  return [`## ${title}`, '', intro, '', ...OPTION_HEAD, ...optionRows(schema), '']
}

function baselines({ baselines }: Registry): string[] {
  const rows = Object.entries(baselines?.known ?? {}).map(([name, description]) => `| \`${name}\` | ${description} |`)
  return ['## baselines', '', '| baseline | is |', '|---|---|', ...rows, '']
}
