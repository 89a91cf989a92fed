/** Prints data for people or for a pipe; the only way in which commands write to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Columns that a text is wrapped to: those of a terminal; in a file or a pipe a sentence stays on its line. */
export function wrapColumns({ isTTY, columns }: { isTTY?: boolean; columns?: number } = process.stdout): number {
  return isTTY && columns ? columns : Number.POSITIVE_INFINITY
}

/** Prints a value as indented JSON. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2))
}
