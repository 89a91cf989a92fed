import type { AnyStageDefinition, OptionsSchema, Registry } from '../../stages/define.ts'

/** The reference of stage types, written from their definitions. */
export function stageReference(registry: Registry): string {
  const parts = [
    '# Stage types',
    '',
    'Written from the definitions in `stages/`; a test holds it equal to them. Options marked *free* are no part of a key:',
    'changing them reruns nothing.',
  ]
  for (const definition of Object.values(registry.stages)) parts.push('', ...stageSection(definition))
  return `${parts.join('\n')}\n`
}

function outputsOf({ outputs }: AnyStageDefinition): string {
  const words = (kinds: object): string =>
    Object.entries(kinds)
      .map(([name, kind]) => (name === kind ? `\`${name}\`` : `\`${name}\` (${kind})`))
      .join(', ')
  if (typeof outputs !== 'function') return words(outputs)
  try {
    return `${words(outputs({} as never))}, and what its options ask for`
  } catch {
    return 'as declared'
  }
}

function stageSection(definition: AnyStageDefinition): string[] {
  const outputs = outputsOf(definition)
  return [
    `## ${definition.type}`,
    '',
    definition.description,
    '',
    `Outputs: ${outputs}. Version ${definition.version}.`,
    '',
    '| option | value | default | meaning |',
    '|---|---|---|---|',
    ...optionRows(definition.options, ''),
  ]
}

function optionRows(schema: OptionsSchema, prefix: string): string[] {
  const rows: string[] = []
  for (const [name, option] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(name) ? ' (required)' : ''
    const fallback = option.default === undefined ? '' : `\`${JSON.stringify(option.default)}\``
    const meaning = `${option.semantic === false ? '*free* ' : ''}${option.description ?? ''}`
    rows.push(`| \`${prefix}${name}\`${required} | ${cell(textOf(option))} | ${cell(fallback)} | ${cell(meaning)} |`)
    rows.push(...nestedRows(option, `${prefix}${name}`))
  }
  return rows
}

function nestedRows(option: OptionsSchema, name: string): string[] {
  const inner = [option, ...(option.oneOf ?? []), ...(option.anyOf ?? [])]
  return inner.flatMap((one) => {
    const rows = optionRows(one, `${name}.`)
    return one.items ? [...rows, ...nestedRows(one.items, `${name}[]`)] : rows
  })
}

function textOf(option: OptionsSchema): string {
  if (option.slot) return `a reference: ${option.slot.accepts.join(', ')}${option.slot.lists ? '; also `[*]`' : ''}`
  if (option.enum) return option.enum.map((value) => `\`${JSON.stringify(value)}\``).join(', ')
  if (option.const !== undefined) return `\`${JSON.stringify(option.const)}\``
  const choices = option.oneOf ?? option.anyOf
  if (choices) return [...new Set(choices.map(textOf))].join(' or ')
  if (option.items) return `list of ${textOf(option.items)}`
  const type = Array.isArray(option.type) ? option.type.join(' or ') : String(option.type ?? 'any')
  const bounds = [
    option.minimum === undefined ? '' : `≥ ${option.minimum}`,
    option.exclusiveMinimum === undefined ? '' : `> ${option.exclusiveMinimum}`,
    option.maximum === undefined ? '' : `≤ ${option.maximum}`,
  ].filter((bound) => bound !== '')
  return [type, ...bounds].join(' ')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
