import { StageError } from '../define.ts'
import { conventionsOf, type Prefixes, prefixesFor } from '../encoders/conventions.ts'
import type { Base } from './base.ts'

/**
 * The prefixes to train with: those that were written over those of the base's family; undefined where only the base's
 * folder can tell. A StageError is returned where a family that needs its prefixes would be trained without.
 */
export function basePrefixes(base: Base, written: Partial<Prefixes> | undefined): Prefixes | undefined | StageError {
  const family = base.kind === 'source' ? conventionsOf([base.written]) : undefined
  if (!family && written === undefined) return undefined
  try {
    return prefixesFor(family, undefined, written)
  } catch (error) {
    if (error instanceof StageError) return error
    throw error
  }
}
