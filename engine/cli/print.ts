/** Prints data for people or for a pipe; the only way in which commands write to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Prints a value as indented JSON. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2))
}
