import type { Json } from '../../define.ts'

/** The value of the first mark after the last label (or in all of the text, where no label stands in it). */
export function readGrade(
  text: string,
  scale: { readonly [mark: string]: number },
  labels: readonly string[],
): number | undefined {
  const said = text.toWellFormed().toLowerCase()
  const ends = labels.map((label) => {
    const at = said.lastIndexOf(label.toLowerCase())
    return at === -1 ? 0 : at + label.length
  })
  const marks = Object.keys(scale).map((mark) => escaped(mark.toLowerCase()))
  // Whole words only: `no` is not said by `not`, nor 1 by 10.
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${marks.join('|')})(?![\\p{L}\\p{N}])`, 'u')
  return valueOfMark(pattern.exec(said.slice(Math.max(0, ...ends)))?.[0], scale)
}

/** The value of a mark given as a value of its own; without a scale, a number is its own value. */
export function gradeOf(
  value: Json | undefined,
  scale: { readonly [mark: string]: number } | undefined,
): number | undefined {
  if (scale === undefined) return typeof value === 'number' ? value : undefined
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? valueOfMark(String(value).trim().toLowerCase(), scale)
    : undefined
}

function valueOfMark(mark: string | undefined, scale: { readonly [mark: string]: number }): number | undefined {
  return Object.entries(scale).find(([name]) => name.toLowerCase() === mark)?.[1]
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
