import { type Json, StageError } from '../define.ts'
import type { Fields, RecordBatch } from './records.ts'

interface Wanted {
  /** As the dataset block names it. */
  written?: string | undefined
  /** Names by which it is known; the first counts where none is there. */
  known: readonly string[]
}

/** Finds the columns of a file by its first row. One that the block names and that is not there is a StageError. */
export function nameColumns<Name extends string>(
  { rows, shown }: RecordBatch,
  wanted: { readonly [name in Name]: Wanted },
): { [name in Name]: string } {
  const [first] = rows as [Fields]
  const there = Object.keys(first)
  const found: { [name: string]: string } = {}
  for (const [name, { written, known }] of Object.entries<Wanted>(wanted)) {
    if (written !== undefined) {
      if (valueAt(first, written) === undefined)
        throw new StageError(`there is no column \`${written}\``, {
          where: shown,
          advice: `The first row has ${there.map((column) => `\`${column}\``).join(', ')}.`,
        })
      found[name] = written
      continue
    }
    const column = known.map((one) => there.find((name) => name.toLowerCase() === one)).find((one) => one !== undefined)
    found[name] = column ?? (known[0] as string)
  }
  return found as { [name in Name]: string }
}

/** The value of a column; a name with dots also leads into objects (`metadata.year`). */
export function valueAt(fields: Fields, name: string): Json | undefined {
  const own = fields[name]
  if (own !== undefined || !name.includes('.')) return own
  let value: Json | undefined = fields
  for (const part of name.split('.')) {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, part))
      return undefined
    value = value[part]
  }
  return value
}
