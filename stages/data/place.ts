import type { Json } from '../define.ts'

/** How a part of a dataset is read, where the names of its files don't say it: part of its identity. */
export type Reading = { readonly [name: string]: Json }

/** A part of a dataset that is fetched before it is first read, and what pins its content. */
export interface RemotePart {
  /** Where it comes from, for people and for fetching it; not part of its identity. */
  from: string
  /** What its content is known by without having it: a digest, or the commit of a hub. */
  pin: { readonly [name: string]: Json }
}

/**
 * Where a part of a dataset lies: the absolute path of a file whose name says how it is read, or a file (with `files`, a
 * folder and sorted paths in it, whose rows follow one another) with its reading, or something to fetch.
 */
export type DatasetPlace =
  | string
  | { path: string; files?: readonly string[]; reading?: Reading }
  | { remote: RemotePart; reading?: Reading }

/** Where the parts of a dataset lie. */
export interface DatasetFiles {
  corpus: DatasetPlace
  queries?: DatasetPlace
  qrels: { readonly [split: string]: DatasetPlace }
  /** Queries of a split alone, where it has a file of its own. */
  splitQueries?: { readonly [split: string]: DatasetPlace }
}
