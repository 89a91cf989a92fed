import type { ArtifactKind, OptionsSchema, Slot, SourceKind } from '../../stages/define.ts'

/** Schemas that may describe one place: a schema with all branches of its unions. Compared by identity. */
export type Candidates = readonly OptionsSchema[]

const NONE: Candidates = []
const byLocation = new WeakMap<OptionsSchema, Candidates>()
const byMember = new WeakMap<Candidates, Map<string, Candidates>>()
const byItem = new WeakMap<Candidates, Candidates>()
const slots = new WeakMap<Candidates, readonly Slot[]>()
const accepted = new WeakMap<Candidates, readonly (ArtifactKind | SourceKind)[]>()

/** A schema and every branch of its oneOf, anyOf and allOf. */
export function candidatesOf(schema: OptionsSchema): Candidates {
  let found = byLocation.get(schema)
  if (!found) {
    found = flatten([schema])
    byLocation.set(schema, found)
  }
  return found
}

/** What may describe a member of a map that these describe. */
export function memberCandidates(candidates: Candidates, name: string): Candidates {
  if (candidates.length === 0) return NONE
  let members = byMember.get(candidates)
  if (!members) {
    members = new Map()
    byMember.set(candidates, members)
  }
  let found = members.get(name)
  if (!found) {
    found = flatten(candidates.map((schema) => memberOf(schema, name)).filter((schema) => schema !== undefined))
    members.set(name, found)
  }
  return found
}

/** What may describe an item of a list that these describe. */
export function itemCandidates(candidates: Candidates): Candidates {
  let found = byItem.get(candidates)
  if (!found) {
    found = flatten(candidates.map(({ items }) => items).filter((schema) => schema !== undefined))
    byItem.set(candidates, found)
  }
  return found
}

/** The slots among what may describe a place. */
export function slotsOf(candidates: Candidates): readonly Slot[] {
  let found = slots.get(candidates)
  if (!found) {
    found = candidates.map(({ slot }) => slot).filter((slot) => slot !== undefined)
    slots.set(candidates, found)
  }
  return found
}

/** The kinds that these slots accept, each once. */
export function acceptedBy(candidates: Candidates): readonly (ArtifactKind | SourceKind)[] {
  let found = accepted.get(candidates)
  if (!found) {
    found = [...new Set(slotsOf(candidates).flatMap(({ accepts }) => accepts))]
    accepted.set(candidates, found)
  }
  return found
}

/** How the members of a list over variants are named here; undefined where a place takes one input. */
export function listsAt(candidates: Candidates): Slot['lists'] {
  return slotsOf(candidates).find(({ lists }) => lists !== undefined)?.lists
}

/** What may describe the place at a path within the value that a schema describes. */
export function candidatesAt(schema: OptionsSchema, path: readonly (string | number)[]): Candidates {
  let candidates = candidatesOf(schema)
  for (const segment of path)
    candidates = typeof segment === 'number' ? itemCandidates(candidates) : memberCandidates(candidates, segment)
  return candidates
}

function memberOf({ properties, additionalProperties }: OptionsSchema, name: string): OptionsSchema | undefined {
  if (properties && Object.hasOwn(properties, name)) return properties[name]
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}

function flatten(schemas: readonly OptionsSchema[]): Candidates {
  if (schemas.length === 0) return NONE
  const found: OptionsSchema[] = []
  const visit = (schema: OptionsSchema): void => {
    found.push(schema)
    for (const branches of [schema.oneOf, schema.anyOf, schema.allOf as readonly OptionsSchema[] | undefined])
      for (const branch of branches ?? []) visit(branch)
  }
  for (const schema of schemas) visit(schema)
  return found
}
