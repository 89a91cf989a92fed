/** Form of an amount of memory: `512MB` counts in thousands, `8GiB` in units of 1024. */
export const BYTE_SIZE_PATTERN = '^\\d+(\\.\\d+)? ?([kKMGT]?B|[KMGT]iB)$'

const POWERS: { readonly [unit: string]: number } = { '': 0, k: 1, K: 1, M: 2, G: 3, T: 4 }

/** Bytes of an amount such as `8GiB`, or of a number of bytes; undefined for anything else. */
export function byteSize(amount: unknown): number | undefined {
  if (typeof amount === 'number') return amount
  if (typeof amount !== 'string' || !new RegExp(BYTE_SIZE_PATTERN).test(amount)) return undefined
  const [, digits, unit, binary] = /^([\d.]+) ?([kKMGT]?)(i?)B$/.exec(amount) as unknown as [
    string,
    string,
    string,
    string,
  ]
  return Math.round(Number(digits) * (binary === 'i' ? 1024 : 1000) ** POWERS[unit]!)
}

/** Bytes in words, in units of 1024: `8 GiB`, `1.5 MiB`. */
export function byteText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let shown = bytes
  for (; shown >= 1024 && unit < units.length - 1; unit++) shown /= 1024
  return `${Math.round(shown * 10) / 10} ${units[unit]}`
}
