import { readCorpus } from '../data/beir.ts'
import { FILES, fileOf } from '../data/rows.ts'
import { type Json, type SourceFile, type StageContext, StageError } from '../define.ts'
import { type Bm25Options, buildBm25 } from '../retrieval/bm25.ts'
import { openEncoder } from '../retrieval/encoder.ts'
import { rankByEncoder } from '../retrieval/rank.ts'
import { readRun } from '../retrieval/run-file.ts'
import type { Hit } from '../retrieval/top-k.ts'
import type { EvalOptions } from './stage.ts'

/** What is searched for, and where. */
export interface Search {
  /** Texts by id. */
  queries: ReadonlyMap<string, string>
  corpus: SourceFile
  /** Ids of the corpus. */
  passages: { readonly size: number; has(id: string): boolean }
  /** Passages wanted for each query. */
  depth: number
}

/** What ranked, as it stands in the scores, and its rankings; a query without results may be absent. */
export interface Retrieved {
  retriever: { readonly kind: string; readonly [option: string]: Json }
  run: Map<string, Hit[]>
  warnings: string[]
}

const BLOCK = 256

/** Ranks by whatever the options name. */
export async function retrieve(context: StageContext<EvalOptions>, search: Search): Promise<Retrieved> {
  const { retriever } = context.options
  if (retriever === undefined) return byModel(context, search)
  if (retriever !== 'bm25' && 'run' in retriever) return fromRun(context, search)
  return byBm25(context, search, retriever === 'bm25' ? {} : retriever.bm25)
}

async function byBm25(
  context: StageContext<EvalOptions>,
  { queries, corpus, passages, depth }: Search,
  { k1 = 0.9, b = 0.4, analyzer = 'lucene-english' }: Bm25Options,
): Promise<Retrieved> {
  const index = await buildBm25(watched(readCorpus(corpus), context, passages.size, 'passages indexed'), {
    k1,
    b,
    analyzer,
  })
  const run = new Map<string, Hit[]>()
  for (const [id, text] of queries) {
    context.signal.throwIfAborted()
    run.set(id, index.search(text, depth))
    context.progress(run.size, queries.size, 'queries searched')
  }
  return { retriever: { kind: 'bm25', k1, b, analyzer }, run, warnings: [] }
}

async function byModel(
  context: StageContext<EvalOptions>,
  { queries, corpus, passages, depth }: Search,
): Promise<Retrieved> {
  const encoder = await openEncoder(context.inputs.model, context)
  try {
    const stream = watched(readCorpus(corpus), context, passages.size, 'passages encoded')
    const { run, silent } = await rankByEncoder(encoder, queries, stream, depth, { signal: context.signal })
    return {
      retriever: encoder.facts,
      run,
      warnings:
        silent.length === 0
          ? []
          : [`${silent.length} of ${queries.size} queries have the zero vector; their rankings mean nothing`],
    }
  } finally {
    await encoder.close()
  }
}

async function fromRun(
  { inputs }: StageContext<EvalOptions>,
  { queries, passages, depth }: Search,
): Promise<Retrieved> {
  const [location, shown] = runFile(inputs['retriever/run'])
  const given = await readRun(location, shown)
  const run = new Map([...given].filter(([id]) => queries.has(id)))
  if (run.size === 0)
    throw new StageError("the run has none of the split's queries", {
      where: shown,
      advice: `Its first query is ${JSON.stringify([...given.keys()][0])}. Does it belong to this dataset and split?`,
    })
  const warnings: string[] = []
  const strangers = given.size - run.size
  if (strangers > 0) warnings.push(`${strangers} queries of the run are not judged in this split; they were left out`)
  let unknown = 0
  for (const hits of run.values()) for (const { id } of hits) if (!passages.has(id)) unknown++
  if (unknown > 0)
    warnings.push(`${unknown} results of the run are no passages of the corpus; they count as not relevant`)
  const longest = Math.max(...Array.from(run.values(), (hits) => hits.length))
  if (longest > depth) warnings.push(`the run has up to ${longest} results a query; only the best ${depth} were kept`)
  return { retriever: { kind: 'run' }, run, warnings }
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
  for await (const row of rows) {
    yield row
    if (++done % BLOCK === 0) {
      context.signal.throwIfAborted()
      context.progress(done, total, note)
    }
  }
}
