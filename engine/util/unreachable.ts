/** Closes a switch over a closed union: does not type-check while a variant is left out. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
