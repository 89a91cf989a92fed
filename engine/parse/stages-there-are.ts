const MOST = 12

/** What stages there are, as a sentence for whoever named another. */
export function stagesThereAre(stages: object): string {
  const names = Object.keys(stages).sort()
  const more = names.length > MOST ? ` and ${names.length - MOST} more` : ''
  return names.length === 0 ? 'The pipeline has no stages.' : `There is: ${names.slice(0, MOST).join(', ')}${more}.`
}
