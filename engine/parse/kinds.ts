import type { ArtifactKind, SourceKind } from '../../stages/define.ts'

const WORDS: { readonly [kind in ArtifactKind | SourceKind]: string } = {
  passages: 'passages',
  pairs: 'pairs',
  negatives: 'negatives',
  training: 'training',
  model: 'a model',
  scores: 'scores',
  run: 'a run',
  qrels: 'judgements for `eval`',
  judgements: 'judged pairs',
  analysis: 'an analysis',
  file: 'a file',
  folder: 'a folder',
  dataset: 'a dataset (`${datasets.NAME}`)',
  split: 'a split of a dataset (`${datasets.NAME.SPLIT}`)',
  llm: 'a language model (`${models.NAME}`)',
  encoder: 'an encoder (`${models.NAME}`)',
  'cross-encoder': 'a cross-encoder (`${models.NAME}`)',
  prompt: 'the path of a prompt file',
  path: 'the path of a file or folder',
}

const SOURCES: readonly string[] = [
  'dataset',
  'split',
  'llm',
  'encoder',
  'cross-encoder',
  'prompt',
  'path',
] satisfies SourceKind[]

/** Kinds that an input can have, for messages: `pairs (…) or a split of a dataset (…)`. */
export function kindsInWords(kinds: readonly (ArtifactKind | SourceKind)[]): string {
  const artifacts = kinds.filter((kind) => !SOURCES.includes(kind)).map((kind) => WORDS[kind])
  const sources = kinds.filter((kind) => SOURCES.includes(kind)).map((kind) => WORDS[kind])
  const outputs = artifacts.length === 0 ? [] : [`${either(artifacts)} (\`\${stages.NAME.OUTPUT}\`)`]
  return either([...outputs, ...sources])
}

/** A list in words: `a, b or c`. */
export function either(words: readonly string[]): string {
  return words.length <= 1 ? (words[0] ?? 'nothing') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
