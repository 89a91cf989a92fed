import type { SourceFile, StageInput } from '../define.ts'

/** The corpus file of a dataset input; anything else is a bug of the caller, since the schema was checked. */
export function corpusOf(input: StageInput | undefined): SourceFile {
  if (input?.type !== 'dataset' || !input.corpus)
    throw new Error(`expected a dataset with its corpus, got ${input?.type}`)
  return input.corpus
}

/** Queries and judgements of a split input. */
export function splitOf(input: StageInput | undefined): { name: string; queries: SourceFile; qrels: SourceFile } {
  if (input?.type !== 'dataset' || !input.queries || !input.qrels)
    throw new Error(`expected a split with queries and judgements, got ${input?.type}`)
  return { name: input.name, queries: input.queries, qrels: input.qrels }
}
