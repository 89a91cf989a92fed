import { type Json, StageError } from '../../define.ts'

/** Names of the columns of a file of queries, as far as the options give them. */
export interface ImportColumns {
  query?: string
  passage?: string
  id?: string
  logprob?: string
}

/** The columns that are read; `passage` is missing where judgements tell the passage. */
export interface FoundColumns {
  query: string
  passage?: string
  id?: string
  logprob?: string
}

const QUERY = ['query', 'pseudo_query', 'generated_query', 'predicted_queries', 'queries', 'question', 'text']
const PASSAGE = ['passage_id', 'doc_id', 'docid', 'pid', 'corpus-id', 'corpus_id', 'document_id']
/** In files with the queries of one passage a row, the row's own id is the passage's. */
const LISTS = ['predicted_queries', 'queries']
const ID = ['_id', 'id', 'qid', 'query_id', 'query-id']
const LOGPROB = ['logprob', 'log_probs', 'logprobs']

/**
 * Which columns of a file are read: those of the options, else by the names that are usual (InPars, GPL and BEIR's GenQ,
 * doc2query, TREC). What can't be told is a StageError that lists the columns there are.
 */
export function findColumns(
  there: readonly string[],
  given: ImportColumns,
  joined: boolean,
  where: string,
): FoundColumns {
  for (const [role, name] of Object.entries(given))
    if (!there.includes(name))
      throw new StageError(`there is no column ${JSON.stringify(name)} for \`${role}\``, { where, advice: list(there) })
  const usual = (names: readonly string[]): string | undefined => names.find((name) => there.includes(name))
  const query = given.query ?? usual(QUERY)
  if (query === undefined) throw unknown('query', 'which column has the queries?', there, where)
  const id = given.id ?? usual(ID)
  const logprob = given.logprob ?? usual(LOGPROB)
  const optional = logprob === undefined ? {} : { logprob }
  if (joined) {
    if (id === undefined) throw unknown('id', 'which column has the ids that the judgements name?', there, where)
    return { query, id, ...optional }
  }
  const passage = given.passage ?? usual(PASSAGE) ?? (LISTS.includes(query) ? id : undefined)
  if (passage === undefined) throw unknown('passage', 'which column has the ids of the passages?', there, where)
  return { query, passage, ...optional }
}

/** The queries in a cell: one, or a list of them. */
export function queriesOf(cell: Json | undefined, where: string): string[] {
  const values = Array.isArray(cell) ? cell : [cell]
  return values.map((value) => {
    if (typeof value !== 'string') throw new StageError('a query must be a text, or a list of texts', { where })
    return value.toWellFormed().replace(/\s+/g, ' ').trim()
  })
}

/** An id in a cell; numbers are taken as they would be written. */
export function idOf(cell: Json | undefined, where: string): string {
  if (typeof cell === 'string' && cell !== '') return cell
  if (typeof cell === 'number' && Number.isSafeInteger(cell)) return String(cell)
  throw new StageError('an id must be a text', { where, advice: 'Every row needs one.' })
}

/** Mean log-probability in a cell: a number, or those of the tokens; undefined where there is none. */
export function logprobOf(cell: Json | undefined): number | undefined {
  const values = (Array.isArray(cell) ? cell : [cell])
    .map((value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value))
    .filter((value) => typeof value === 'number' && Number.isFinite(value)) as number[]
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length
}

function unknown(role: string, question: string, there: readonly string[], where: string): StageError {
  return new StageError(question, { where, advice: `${list(there)} Name it: \`columns: {${role}: NAME}\`.` })
}

function list(there: readonly string[]): string {
  return `There is: ${there.map((name) => JSON.stringify(name)).join(', ')}.`
}
