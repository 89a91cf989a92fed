import type { OptionsSchema } from '../../stages/define.ts'

/** Head of the tables that `optionRows` gives the rows of. */
export const OPTION_HEAD: readonly string[] = ['| option | value | default | meaning |', '|---|---|---|---|']

/** A row for each option of a schema, those inside of options below them; `prefix` stands before each name. */
export function optionRows(schema: OptionsSchema, prefix = ''): string[] {
  const rows: string[] = []
  for (const [name, option] of Object.entries(schema.properties ?? {})) {
    rows.push(rowOf(`${prefix}${name}`, option, schema.required?.includes(name) ?? false))
    rows.push(...nestedRows(option, `${prefix}${name}`))
  }
  return rows
}

/** One row of such a table. */
export function rowOf(name: string, option: OptionsSchema, required: boolean): string {
  const fallback = option.default === undefined ? '' : `\`${JSON.stringify(option.default)}\``
  const meaning = `${option.semantic === false ? '*free* ' : ''}${option.description ?? ''}`
  const cells = [textOf(option), fallback, meaning].map(cell)
  return `| \`${name}\`${required ? ' (required)' : ''} | ${cells.join(' | ')} |`
}

function nestedRows(option: OptionsSchema, name: string): string[] {
  const inner = [option, ...(option.oneOf ?? []), ...(option.anyOf ?? [])]
  return inner.flatMap((one) => {
    const rows = optionRows(one, `${name}.`)
    // Members of any name: what is said of each of them.
    const { items, additionalProperties: member } = one
    if (typeof member === 'object') {
      if (member.description !== undefined) rows.push(rowOf(`${name}.NAME`, member, false))
      rows.push(...nestedRows(member, `${name}.NAME`))
    }
    return items ? [...rows, ...nestedRows(items, `${name}[]`)] : rows
  })
}

/** What values an option takes. */
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

/** Text as it can stand in a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
