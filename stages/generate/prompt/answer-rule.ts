import type { MapReader } from './map-reader.ts'

/** How what was asked for is found in what the model wrote; the `parse` of a prompt file. */
export type AnswerRule = {
  /** Only the first line that is not blank counts. */
  first_line: boolean
  /** Taken off the front, in any case: `Query:`. */
  labels: string[]
  /** Taken off around the query. */
  strip: ('quotes' | 'numbering')[]
  /** A longer text is no query. */
  max_characters: number
  /** Every line is a query. */
  list?: true
  /** Instead of a query, the answer gives one of these marks, each with its value: `yes: 1`. */
  scale?: { [mark: string]: number }
  /** Headings in the text, or (under a `schema`) members of the JSON, with dots for what lies deeper. */
  query?: string
  negatives?: string
  grade?: string
}

const MEMBERS = [
  'first_line',
  'labels',
  'strip',
  'max_characters',
  'list',
  'scale',
  'query',
  'negatives',
  'grade',
] as const
const DEFAULT_LABELS = ['Query:', 'Search query:', 'Question:']

/** Reads `parse` of a prompt file; `json` says that the prompt has a schema. */
export function readRule(reader: MapReader | undefined, json: boolean): AnswerRule {
  reader?.onlyMembers(MEMBERS)
  const strip = reader?.texts('strip') ?? ['quotes', 'numbering']
  for (const name of strip)
    if (name !== 'quotes' && name !== 'numbering')
      reader?.report('strip', `nothing named ${name} can be stripped`, 'Known: quotes, numbering.')
  if (reader) checkRule(reader, json)
  return {
    first_line: reader?.boolean('first_line') ?? true,
    labels: reader?.texts('labels') ?? DEFAULT_LABELS,
    strip: strip as AnswerRule['strip'],
    max_characters: reader?.integer('max_characters', 1, 100_000) ?? 400,
    ...(reader?.boolean('list') ? { list: true as const } : {}),
    ...readScale(reader),
    ...place(reader, 'query'),
    ...place(reader, 'negatives'),
    ...place(reader, 'grade'),
  }
}

function checkRule(reader: MapReader, json: boolean): void {
  if (json) {
    for (const name of ['first_line', 'labels', 'strip', 'list'] as const)
      if (reader.has(name)) reader.report(name, `\`${name}\` reads plain text, and the answer is JSON`)
    if (reader.has('scale') && !reader.has('grade'))
      reader.report('scale', 'which member of the JSON is the mark?', 'Name it: `grade: score`.')
    return
  }
  if (reader.has('grade')) reader.report('grade', '`grade` names a member of JSON, and the prompt has no `schema`')
  if (reader.has('negatives') && !reader.has('query'))
    reader.report('negatives', 'where the query stands must be said, too', 'E.g. `query: "## Query"`.')
  for (const name of ['list', 'scale'] as const)
    if (reader.has(name) && reader.has('query')) reader.report(name, `\`${name}\` and \`query\` exclude each other`)
}

// `scale: [0, 1, 2]` names marks that are their own values; `scale: {yes: 1, no: 0}` gives values.
function readScale(reader: MapReader | undefined): Pick<AnswerRule, 'scale'> {
  if (!reader?.has('scale')) return {}
  const scale = reader.numbers('scale')
  const marks = Object.keys(scale)
  if (marks.length < 2) reader.report('scale', 'a scale needs two marks or more', 'E.g. `scale: {yes: 1, no: 0}`.')
  if (new Set(marks.map((mark) => mark.toLowerCase())).size < marks.length)
    reader.report('scale', 'marks that differ in case only are the same')
  return { scale }
}

function place<Name extends 'query' | 'negatives' | 'grade'>(
  reader: MapReader | undefined,
  name: Name,
): { [Key in Name]?: string } {
  const text = reader?.text(name)?.trim()
  if (text === '') reader?.report(name, `\`${name}\` is empty`)
  return (text === undefined ? {} : { [name]: text }) as { [Key in Name]?: string }
}
