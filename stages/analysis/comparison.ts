import { StageError } from '../define.ts'
import { isLeaked, type Measured } from './measured.ts'

/** Systems measured on one collection in the same way, and the queries that they are compared on. */
export interface Comparison {
  collection: string
  profile: string
  split: string
  systems: readonly Measured[]
  /** Queries that every system was judged on. */
  all: readonly string[]
  /** Those of them that no system was given away; undefined where nothing leaked, or everything did. */
  clean: readonly string[] | undefined
  /** Whether training gave all of them away, so that nothing can be concluded. */
  leaked: boolean
  /** Those whose answers were augmented for every system that says so, and the rest; undefined where none says so. */
  augmented?: { readonly yes: readonly string[]; readonly no: readonly string[] }
}

/** Groups systems by collection; the headline of each is its clean queries, where some leaked. */
export function comparisonsOf(measured: readonly Measured[]): Comparison[] {
  const groups = new Map<string, Measured[]>()
  for (const system of measured) groups.set(system.collection, [...(groups.get(system.collection) ?? []), system])
  return [...groups].map(([collection, systems]) => {
    const replicates = systems.flatMap((system) => system.replicates)
    const [first, ...others] = replicates
    for (const { scores } of others)
      if (scores.profile !== first!.scores.profile || scores.split !== first!.scores.split)
        throw new StageError(
          `results on ${collection} were measured in two ways: ${way(first!)} and ${way({ scores })}`,
          {
            advice: 'Compare them in two `analysis` stages, or measure them in one way.',
          },
        )
    const all = [...first!.queries.keys()].filter((id) => others.every(({ queries }) => queries.has(id))).sort()
    if (all.length === 0)
      throw new StageError(`the results on ${collection} have no query in common`, {
        advice: 'Give results on other collections another `collection`.',
      })
    const clean = all.filter((id) => replicates.every(({ queries }) => !isLeaked(queries.get(id)!)))
    const marked = replicates.filter(({ queries }) => all.some((id) => queries.get(id)!.augmented !== undefined))
    const headline = clean.length > 0 ? clean : all
    const isIn = (id: string): boolean => marked.some(({ queries }) => queries.get(id)!.augmented === true)
    return {
      collection,
      profile: first!.scores.profile,
      split: first!.scores.split,
      systems,
      all,
      clean: clean.length > 0 && clean.length < all.length ? clean : undefined,
      leaked: clean.length === 0,
      ...(marked.length === 0
        ? {}
        : { augmented: { yes: headline.filter(isIn), no: headline.filter((id) => !isIn(id)) } }),
    }
  })
}

/** The queries that conclusions rest on. */
export function headline({ clean, all }: Comparison): readonly string[] {
  return clean ?? all
}

function way({ scores: { profile, split } }: { scores: { profile: string; split: string } }): string {
  return `profile ${profile} on split ${split}`
}
