import type { SourceFile, StageInput } from '../define.ts'

/** The corpus file of a dataset input; anything else is a bug of the caller, since the schema was checked. */
export function corpusOf(input: StageInput | undefined): SourceFile {
  if (input?.type !== 'dataset' || !input.corpus)
    throw new Error(`expected a dataset with its corpus, got ${input?.type}`)
  return input.corpus
}

/** The queries file of a dataset input that has one. */
export function queriesOf(input: StageInput | undefined): SourceFile {
  if (input?.type !== 'dataset' || !input.queries)
    throw new Error(`expected a dataset with its queries, got ${input?.type}`)
  return input.queries
}

/** Queries and judgements of a split input. */
export function splitOf(input: StageInput | undefined): { name: string; queries: SourceFile; qrels: SourceFile } {
  if (input?.type !== 'dataset' || !input.queries || !input.qrels)
    throw new Error(`expected a split with queries and judgements, got ${input?.type}`)
  return { name: input.name, queries: input.queries, qrels: input.qrels }
}

/** The inputs at a slot that takes a list over variants too: the one that is there, or the list's members in order. */
export function inputsAt(inputs: { readonly [name: string]: StageInput }, name: string): StageInput[] {
  return inputNamesAt(inputs, name).map((one) => inputs[one] as StageInput)
}

/** The names of these inputs. */
export function inputNamesAt(inputs: { readonly [name: string]: StageInput }, name: string): string[] {
  if (inputs[name]) return [name]
  const members: string[] = []
  while (inputs[`${name}/${members.length}`]) members.push(`${name}/${members.length}`)
  return members
}
