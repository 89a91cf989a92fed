import { type Html, html } from './markup.ts'

/** What names a system: the name of its stage, and its place in the sweep. */
export interface NamedSystem {
  name: string
  variant: { readonly [axis: string]: string }
}

/** The name of a system in a table: its axes stand beside it. */
export function systemName({ name, variant }: NamedSystem): Html {
  const axes = Object.entries(variant).map(([axis, value]) => `${axis} ${value}`)
  return html`${name}${axes.length > 0 && html` <span class="axes">${axes.join(', ')}</span>`}`
}

/** Names that fit beside an axis: of the axes only the values, and only of those that tell the systems apart. */
export function shortNames(systems: readonly NamedSystem[]): {
  nameOf(system: NamedSystem): string
  /** What the values are of; undefined where there are none. */
  values: string | undefined
} {
  const axes = [...new Set(systems.flatMap(({ variant }) => Object.keys(variant)))]
  const telling = axes.filter((axis) => new Set(systems.map(({ variant }) => variant[axis])).size > 1)
  const names = new Set(systems.map(({ name }) => name))
  return {
    values: telling.length > 0 ? telling.join(' · ') : undefined,
    nameOf: ({ name, variant }) => {
      const values = telling.flatMap((axis) => variant[axis] ?? []).join(' · ')
      return values === '' ? name : names.size > 1 ? `${name} ${values}` : values
    },
  }
}
