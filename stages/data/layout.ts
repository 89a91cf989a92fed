import { posix } from 'node:path'

/** A part of a collection, as it is looked for among the names of its files. */
export type PartName = 'corpus' | 'queries' | `qrels/${string}`

const ROWS = '(?:(?:jsonl|ndjson|tsv|csv)(?:\\.gz)?|parquet)'
const JUDGED = '(?:(?:jsonl|ndjson|tsv|csv|txt|qrels)(?:\\.gz)?|parquet)'
const SHARD = '\\d+-of-\\d+\\.parquet'
/** Of several files that could be a part, the first of these is taken. */
const PREFERRED = ['.jsonl', '.jsonl.gz', '.ndjson', '.ndjson.gz', '.tsv', '.tsv.gz', '.csv', '.csv.gz', '.parquet']

/** How a part may be named; `many`: by several files that follow one another. */
interface Rule {
  name: RegExp
  many?: true
}

const one = (pattern: string): Rule => ({ name: new RegExp(`^${pattern}$`) })
const many = (pattern: string): Rule => ({ ...one(pattern), many: true })

/** In BEIR's folders, MS MARCO's, and repositories of hubs; earlier rules win. */
const CORPUS = [
  one(`corpus\\.${ROWS}`),
  one(`collection\\.${ROWS}`),
  many(`corpus/[^/]+\\.${ROWS}`),
  many(`(?:data/)?corpus-${SHARD}`),
]
const QUERIES = [one(`queries\\.${ROWS}`), many(`queries/[^/]+\\.${ROWS}`), many(`(?:data/)?queries-${SHARD}`)]
const QRELS = [many(`qrels/([^/]+?)-${SHARD}`), one(`qrels/([^/]+?)\\.${JUDGED}`), one('qrels\\.(.+?)\\.tsv(?:\\.gz)?')]
/** In repositories of hubs judgements may stand alone; which files they are, only the name of their split tells. */
const LONE_QRELS = [many(`(?:data/)?([^/]+?)-${SHARD}`), one('([^/]+?)\\.tsv(?:\\.gz)?')]
/** MS MARCO has a file of queries for each split. */
const SPLIT_QUERIES = /^queries\.(.+?)\.tsv(?:\.gz)?$/

/** The files that are a part, in order: one, or those that follow one another. Empty if there is none. */
export function filesOfPart(names: readonly string[], part: PartName): string[] {
  const split = part.startsWith('qrels/') ? part.slice('qrels/'.length) : undefined
  const rules = part === 'corpus' ? CORPUS : part === 'queries' ? QUERIES : [...QRELS, ...LONE_QRELS]
  for (const rule of rules) {
    const found = names.filter((name) => {
      const match = rule.name.exec(name)
      return match !== null && (split === undefined || splitName(match[1] as string) === split)
    })
    if (found.length > 0) return rule.many ? sameForm(found) : [best(found)]
  }
  return []
}

/** The splits that there are judgements for, sorted, each with its files; and files of queries of a split alone. */
export function splitsOf(names: readonly string[]): {
  splits: { [split: string]: string[] }
  queries: { [split: string]: string }
} {
  const splits: { [split: string]: string[] } = {}
  const queries: { [split: string]: string } = {}
  for (const name of [...names].sort()) {
    const split = QRELS.map((rule) => rule.name.exec(name)?.[1]).find((found) => found !== undefined)
    if (split !== undefined) {
      splits[splitName(split)] ??= []
      splits[splitName(split)]?.push(name)
    }
    const own = SPLIT_QUERIES.exec(name)?.[1]
    if (own !== undefined) queries[splitName(own)] = name
  }
  return { splits, queries }
}

/** The names below the folder that holds the collection: the shallowest with a corpus, or the one that is named. */
export function withinFolder(
  names: readonly string[],
  within: string | undefined,
): { folder: string; names: string[] } {
  const folders = new Set(names.flatMap((name) => [posix.dirname(name), posix.dirname(posix.dirname(name))]))
  const candidates = [...folders]
    .map((folder) => (folder === '.' ? '' : `${folder}/`))
    .filter((folder) => within === undefined || `/${folder}`.endsWith(`/${within}/`))
    .sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1))
  for (const folder of candidates) {
    const below = names.filter((name) => name.startsWith(folder)).map((name) => name.slice(folder.length))
    if (filesOfPart(below, 'corpus').length > 0) return { folder, names: below }
  }
  return { folder: '', names: [...names] }
}

// A dot can't stand in the name of a split: `dev.small` is `dev-small`.
function splitName(written: string): string {
  return written.replaceAll('.', '-')
}

// The form that most have: a list of contents may lie beside shards.
function sameForm(names: string[]): string[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(suffixOf(name), (counts.get(suffixOf(name)) ?? 0) + 1)
  const most = Math.max(...counts.values())
  const suffix = suffixOf(best(names.filter((name) => counts.get(suffixOf(name)) === most)))
  return names.filter((name) => suffixOf(name) === suffix).sort()
}

function best(names: readonly string[]): string {
  const rank = (name: string): number => {
    const at = PREFERRED.indexOf(suffixOf(name))
    return at === -1 ? PREFERRED.length : at
  }
  return [...names].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))[0] as string
}

function suffixOf(name: string): string {
  return /\.[a-z]+(?:\.gz)?$/.exec(name)?.[0] ?? ''
}
