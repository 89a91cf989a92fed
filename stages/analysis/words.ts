import { signed } from '../../engine/util/figures.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import type { Findings } from './findings.ts'
import type { Signature } from './signatures.ts'

/** A sign in one sentence. */
export function signatureText(one: Signature): string {
  switch (one.kind) {
    case 'recall-up-ndcg-down':
      return `${one.system} finds more than ${one.than} on ${one.collection} (recall ${signed(one.recall)}) and ranks it worse (nDCG ${signed(one.ndcg)}), in every training`
    case 'task-group-collapse':
      return `${one.system} loses ${(-one.difference).toFixed(3)} to ${one.than} on ${one.group}, in every training, while the other kinds of tasks gain ${signed(one.others)}`
    case 'over-general-queries':
      return `queries of ${one.system} are too general: ${share(one.general)} fit one in a hundred of the other passages or more, ${share(one.repeated)} were written for several passages (${one.contentWords.toFixed(1)} content words each)`
    case 'shuffled-pairs':
      return `queries of ${one.system} have no more words in common with their own passages (${share(one.ownOverlap)}) than with others (${share(one.otherOverlap)}): are they paired wrongly?`
    case 'leaked-queries':
      return `${one.leaked} of ${one.queries} queries of ${one.collection} are given away by training: ${one.leaked === one.queries ? 'nothing can be concluded from these numbers' : 'conclusions rest on the others'}`
    case 'unequal-steps':
      return `not all were trained equally long: ${one.systems[0]} for ${one.from} steps, ${one.systems[1]} for ${one.to}`
    default:
      return unreachable(one)
  }
}

/** How the numbers were made, in a paragraph that can go into a paper. */
export function methodsText({ collections, metrics, macro }: Findings): string {
  const sets = collections.map(({ collection, queries, all_queries, split }) =>
    queries === all_queries
      ? `${collection} (${split}, ${queries} queries)`
      : `${collection} (${split}, ${queries} of ${all_queries} queries; the others share an answer or their wording with training data)`,
  )
  const profiles = [...new Set(collections.map(({ profile }) => profile))].join(', ')
  const trainings = collections.flatMap(({ systems }) => systems.map(({ replicates }) => replicates))
  const most = Math.max(...trainings)
  const family = Math.max(...collections.map(({ contrasts }) => contrasts.length))
  return [
    `Systems were measured by ${metrics.join(', ')} under profile ${profiles} on ${sets.join('; ')}.`,
    most > 1
      ? `Figures are means over up to ${most} trainings that differ in their seed, with the standard deviation over trainings.`
      : 'Every system was trained once, so results hold for these checkpoints only.',
    ...(family > 0
      ? [
          `Differences in ${metrics[0]} were tested for each collection by a paired max-T sign-flip test over queries (two-sided; p adjusted for up to ${family} contrasts), in which a contrast counts for no more than its t over queries and trainings as crossed random factors (Satterthwaite's degrees of freedom); intervals are 95 % t intervals of the same variance.`,
        ]
      : []),
    ...(collections.some(({ plateaus }) => plateaus.length > 0)
      ? [
          'A plateau is the smallest value from which on the one-sided 95 % bound of the loss against the largest value stays below delta, given at least four values, three trainings of each, and equal steps.',
        ]
      : []),
    ...(collections.some(({ claims }) => claims)
      ? [
          'A claim holds where the 95 % t interval of each of its differences, of the same variance and not adjusted for other claims, lies wholly where it is claimed to lie, and does not hold where one lies wholly outside; otherwise, with fewer than three trainings or unequal steps it is undetermined.',
        ]
      : []),
    ...(macro.means.length > 0
      ? ['Means over collections weigh each alike, parts of one collection averaged before.']
      : []),
  ].join(' ')
}

function share(value: number): string {
  return `${(100 * value).toFixed(0)} %`
}
