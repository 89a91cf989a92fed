import type { Json } from '../../stages/define.ts'
import type { LockDifference } from '../lock/differences.ts'
import { unreachable } from '../util/unreachable.ts'
import { reasonText, valueText } from './reason-text.ts'
import { indent, printable } from './words.ts'

const VALUE_WIDTH = 100

/** How a pipeline differs from its lockfile, a difference a line; what changed in a node stands below it. */
export function lockDifferencesText(differences: readonly LockDifference[]): string {
  return differences.map(differenceText).join('\n')
}

function differenceText(difference: LockDifference): string {
  switch (difference.kind) {
    case 'added':
      return `  + ${printable(difference.node)} is not in the lockfile`
    case 'removed':
      return `  - ${printable(difference.node)} is in the lockfile, but not in the pipeline`
    case 'changed': {
      const { node, locked, now, reasons } = difference
      const why = reasons.length > 0 ? reasons.map(reasonText) : [`its key is ${now}`, `the locked one is ${locked}`]
      return [`  ~ ${node} is not what was locked`, ...why.map((reason) => indent(reason, '      '))].join('\n')
    }
    case 'identity': {
      const { section, name, locked, now } = difference
      const what = `${section.slice(0, -1)} ${printable(name)}`
      if (locked === undefined) return `  + ${what} is not in the lockfile`
      if (now === undefined) return `  - ${what} is in the lockfile, but not in the pipeline`
      return `  ~ ${what} was ${identityText(locked)} and is ${identityText(now)}`
    }
    default:
      return unreachable(difference)
  }
}

function identityText(identity: Json): string {
  return typeof identity === 'string' ? printable(identity) : valueText(identity, VALUE_WIDTH)
}
