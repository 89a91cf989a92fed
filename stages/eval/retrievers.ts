import { FILES, fileOf, type Passage, passageText } from '../data/rows.ts'
import { type Json, type StageContext, StageError } from '../define.ts'
import { haltOf } from '../halt.ts'
import { type Bm25Options, buildBm25 } from '../retrieval/bm25.ts'
import { openEncoder } from '../retrieval/encoder.ts'
import { fuse } from '../retrieval/fusion.ts'
import { PROFILES, trecOrder } from '../retrieval/profile.ts'
import { rankByEncoder } from '../retrieval/rank.ts'
import { readRun } from '../retrieval/run-file.ts'
import type { Hit } from '../retrieval/top-k.ts'
import { normalise } from '../text/normalise.ts'
import type { Corpus } from './corpus.ts'
import type { EvalOptions, HybridRetriever, SingleRetriever } from './stage-options.ts'

/** What is searched for, and where. */
export interface Search {
  /** Texts by id. */
  queries: ReadonlyMap<string, string>
  corpus: Corpus
  /** Documents wanted for each query. */
  depth: number
  /** Whether a document with the id of the query is left out. */
  dropSelf: boolean
}

/** What ranked, as it stands in the scores, and its rankings of documents; a given run may lack queries. */
export interface Retrieved {
  retriever: { readonly kind: string; readonly [option: string]: Json }
  run: Map<string, Hit[]>
  /** How often a document with the id of the query was found. */
  selves: number
  /** Queries that are passages themselves: of one id and the same words. Not known of a given run. */
  twins: number
  warnings: string[]
}

const BLOCK = 256

/** Ranks by whatever the options name; at most `depth` documents a query, more only of a given run. */
export async function retrieve(context: StageContext<EvalOptions>, search: Search): Promise<Retrieved> {
  const { retriever = { model: context.options.model! } } = context.options
  return typeof retriever === 'object' && 'hybrid' in retriever
    ? byFusion(context, search, retriever)
    : bySingle(context, search, retriever)
}

async function byFusion(
  context: StageContext<EvalOptions>,
  search: Search,
  { hybrid, k = 60, weights, depth = search.depth }: HybridRetriever,
): Promise<Retrieved> {
  const found: Retrieved[] = []
  for (const retriever of hybrid) found.push(await bySingle(context, { ...search, depth }, retriever))
  const runs = found.map(
    ({ run }) => new Map([...run].map(([id, hits]) => [id, trecOrder(hits, PROFILES.trec9).slice(0, depth)])),
  )
  return {
    retriever: {
      kind: 'hybrid',
      fusion: 'reciprocal rank',
      k,
      depth,
      ...(weights && { weights }),
      of: found.map(({ retriever }) => ({ ...retriever })),
    },
    run: fuse(runs, { k, depth: search.depth, ...(weights && { weights }) }),
    selves: Math.max(...found.map(({ selves }) => selves)),
    twins: Math.max(...found.map(({ twins }) => twins)),
    warnings: found.flatMap(({ retriever, warnings }) => warnings.map((warning) => `${retriever.kind}: ${warning}`)),
  }
}

async function bySingle(
  context: StageContext<EvalOptions>,
  search: Search,
  retriever: SingleRetriever,
): Promise<Retrieved> {
  if (typeof retriever === 'object' && 'run' in retriever) return fromRun(context, search, retriever.run.$input)
  // A query that is a document itself takes one rank; one more is fetched, so that as many others remain.
  const wanted = search.depth + (search.dropSelf ? 1 : 0)
  const depth = search.corpus.depthFor(wanted)
  let twins = 0
  const seen = { ...search, corpus: { ...search.corpus, read: () => countingTwins() } }
  async function* countingTwins(): AsyncGenerator<Passage> {
    for await (const passage of search.corpus.read()) {
      const query = search.queries.get(passage._id)
      if (query !== undefined && normalise(query) === normalise(passageText(passage))) twins++
      yield passage
    }
  }
  const found =
    typeof retriever === 'object' && 'model' in retriever
      ? await byModel(context, seen, retriever.model.$input, depth)
      : await byBm25(context, seen, retriever === 'bm25' ? {} : retriever.bm25, depth)
  const run = new Map<string, Hit[]>()
  let selves = 0
  for (const [query, hits] of found.run) {
    const documents = search.corpus.toDocuments(hits)
    const others = documents.filter(({ id }) => id !== query)
    selves += documents.length - others.length
    run.set(query, (search.dropSelf ? others : documents).slice(0, search.depth))
  }
  return { ...found, run, selves, twins }
}

async function byBm25(
  context: StageContext<EvalOptions>,
  { queries, corpus }: Search,
  { k1 = 0.9, b = 0.4, analyzer = 'lucene-english', ...more }: Bm25Options,
  depth: number,
): Promise<Omit<Retrieved, 'selves' | 'twins'>> {
  const options = { k1, b, analyzer, ...more }
  const index = await buildBm25(watched(corpus.read(), context, corpus.size, 'passages indexed'), options)
  const run = new Map<string, Hit[]>()
  const halt = haltOf(context)
  for (const [id, text] of queries) {
    halt.throwIfAborted()
    run.set(id, index.search(text, depth))
    context.progress(run.size, queries.size, 'queries searched')
  }
  return { retriever: { kind: 'bm25', ...options }, run, warnings: [] }
}

async function byModel(
  context: StageContext<EvalOptions>,
  { queries, corpus }: Search,
  input: string,
  depth: number,
): Promise<Omit<Retrieved, 'selves' | 'twins'>> {
  const encoder = await openEncoder(context.inputs[input], context)
  try {
    const stream = watched(corpus.read(), context, corpus.size, 'passages encoded')
    const { run, silent } = await rankByEncoder(encoder, queries, stream, depth, { signal: haltOf(context) })
    return {
      retriever: encoder.facts,
      run,
      warnings: [
        ...encoder.warnings,
        ...(silent.length === 0
          ? []
          : [`${silent.length} of ${queries.size} queries have the zero vector; their rankings mean nothing`]),
      ],
    }
  } finally {
    await encoder.close()
  }
}

async function fromRun(
  { inputs }: StageContext<EvalOptions>,
  { queries, corpus, depth, dropSelf }: Search,
  input: string,
): Promise<Retrieved> {
  const [location, shown] = runFile(inputs[input])
  const given = await readRun(location, shown)
  const judged = [...given].filter(([id]) => queries.has(id))
  if (judged.length === 0)
    throw new StageError("the run has none of the split's queries", {
      where: shown,
      advice: `Its first query is ${JSON.stringify([...given.keys()][0])}. Does it belong to this dataset and split?`,
    })
  const warnings: string[] = []
  const strangers = given.size - judged.length
  if (strangers > 0) warnings.push(`${strangers} queries of the run are not judged in this split; they were left out`)
  const run = new Map<string, Hit[]>()
  let unknown = 0
  let longest = 0
  let selves = 0
  for (const [query, hits] of judged) {
    const others = hits.filter(({ id }) => id !== query)
    selves += hits.length - others.length
    for (const { id } of hits) if (!corpus.known.has(id)) unknown++
    const kept = dropSelf ? others : hits
    longest = Math.max(longest, kept.length)
    run.set(query, kept)
  }
  if (unknown > 0)
    warnings.push(`${unknown} results of the run are no passages of the corpus; they count as not relevant`)
  if (longest > depth) warnings.push(`the run has up to ${longest} results a query; only the best ${depth} were kept`)
  return { retriever: { kind: 'run' }, run, selves, twins: 0, warnings }
}

function runFile(input: StageContext<EvalOptions>['inputs'][string] | undefined): [location: string, shown: string] {
  if (input?.type === 'artifact') return [fileOf(input, FILES.run).location, FILES.run]
  const file = input?.type === 'path' && !input.folder ? input.files[0] : undefined
  if (input?.type !== 'path' || !file)
    throw new StageError('a run must be one file', { advice: "Name a file in TREC's six columns." })
  return [file.location, input.path]
}

async function* watched<Row>(
  rows: AsyncIterable<Row>,
  context: StageContext<EvalOptions>,
  total: number,
  note: string,
): AsyncGenerator<Row> {
  let done = 0
  const halt = haltOf(context)
  for await (const row of rows) {
    yield row
    if (++done % BLOCK === 0) {
      halt.throwIfAborted()
      context.progress(done, total, note)
    }
  }
}
