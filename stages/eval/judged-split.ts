import { readFile } from 'node:fs/promises'
import type { FileDigest } from '../../cache/digest.ts'
import { readQueries } from '../data/beir.ts'
import { formByName } from '../data/form.ts'
import { queriesOf } from '../data/inputs.ts'
import { FILES, fileOf } from '../data/rows.ts'
import type { Split } from '../data/split.ts'
import { type SourceFile, type StageContext, StageError, type StageInput } from '../define.ts'
import type { Judging } from '../judge/judging.ts'
import type { EvalOptions } from './stage-options.ts'

/** What is measured on: queries and judgements as an input, and what is known of judgements that a stage made. */
export interface JudgedInput {
  input: StageInput
  judging?: Judging
}

/** The split of the dataset, or its queries with the judgements named by `qrels`. */
export async function judgedInput({ inputs }: Pick<StageContext<EvalOptions>, 'inputs'>): Promise<JudgedInput> {
  const { judgements, qrels } = inputs
  if (judgements?.type !== 'dataset') throw new Error('eval has no queries')
  if (!qrels) return { input: judgements }
  if (qrels.type === 'path') {
    const file = qrels.folder ? undefined : qrels.files[0]
    if (!file)
      throw new StageError('`qrels` must be one file', { advice: 'Judgements are `query-id<TAB>corpus-id<TAB>score`.' })
    const source: SourceFile = { ...file, reading: { form: formByName(qrels.path) ?? 'tsv' } }
    return { input: { ...judgements, qrels: source } }
  }
  const { location, blob } = fileOf(qrels, FILES.qrels)
  const judging = JSON.parse(await readFile(fileOf(qrels, FILES.judging).location, 'utf8')) as Judging
  if (judging.judged === 0)
    throw new StageError('nothing is judged yet', {
      where: FILES.qrels,
      advice:
        'Give the `judge` stage an `llm`; or judge by hand with `queryloom audit`, write that down with `--export FILE`, and name the file as `hand`.',
    })
  const source: SourceFile = { location, digest: blob as string as FileDigest, reading: { form: 'tsv' } }
  return { input: { ...judgements, qrels: source }, judging }
}

/** All queries of the dataset, none of them judged. */
export async function unjudgedQueries({ inputs }: Pick<StageContext<EvalOptions>, 'inputs'>): Promise<Split> {
  const queries = new Map<string, string>()
  for await (const { _id, text } of readQueries(queriesOf(inputs.judgements))) queries.set(_id, text)
  return { queries, qrels: new Map() }
}
