/** The variables of these names that this process has. */
export function passedOn(names: readonly string[]): { [name: string]: string } {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
