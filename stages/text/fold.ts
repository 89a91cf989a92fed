import { hash64 } from '../../cache/xxh.ts'
import { normalise } from './normalise.ts'

/**
 * Which of `folds` parts a passage belongs to, by XXH64 of its normalised text and nothing else: pairs of a passage, and
 * of its copies, are in one fold. `loadXxh()` must have been awaited.
 */
export function foldOf(passageText: string, folds: number): number {
  return Number(hash64(`fold\t${normalise(passageText)}`) % BigInt(folds))
}
