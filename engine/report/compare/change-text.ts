import type { CanonicalValue } from '../../../cache/canonical.ts'
import { unreachable } from '../../util/unreachable.ts'
import { reasonText, valueText } from '../reason-text.ts'
import { printable } from '../words.ts'
import type { Change, IdentityChange } from './changes.ts'

const VALUE_WIDTH = 100
const DIGEST_WIDTH = 19

/** A change in one line, or with the lines of a text that changed below it. */
export function changeText(change: Change): string {
  switch (change.kind) {
    case 'option':
    case 'model':
    case 'environment':
      return reasonText(change)
    case 'stage-version':
      return `the stage type is of version ${change.new}, was of version ${change.old}`
    case 'stage-type':
      return `it uses ${printable(change.new)}, and used ${printable(change.old)}`
    case 'data': {
      const what = change.part === undefined ? printable(change.from) : `${change.part} of ${printable(change.from)}`
      return `${what} changed: ${digestText(change.old)} to ${digestText(change.new)}`
    }
    case 'rewired':
      return `input ${change.input} comes from ${printable(change.new)}, and came from ${printable(change.old)}`
    case 'not-known':
      return 'its key is another; what the keys were made of is not stored here for both sides'
    case 'made-again':
      return 'made again: the same inputs gave other outputs'
    default:
      return unreachable(change)
  }
}

/** What a dataset, a model or a prompt was known by, and is. */
export function identityText({ section, name, old, new: now }: IdentityChange): string {
  const what = `${section.slice(0, -1)} ${printable(name)}`
  if (old === null) return `${what} is new: ${digestText(now)}`
  if (now === null) return `${what} is gone, was ${digestText(old)}`
  return `${what} changed: ${digestText(old)} to ${digestText(now)}`
}

// The whole digest is in the JSON; people tell two apart by the beginning.
function digestText(value: CanonicalValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string' && /^(sha256|md5):[0-9a-f]+$/.test(value)) return value.slice(0, DIGEST_WIDTH)
  return valueText(value, VALUE_WIDTH)
}
