import { StageError } from '../define.ts'

/** Texts put before every text of a side. */
export interface Prefixes {
  query: string
  passage: string
}

/** What a family of encoders was trained with, where its folder may not say it. */
export interface Conventions {
  name: string
  prefixes: Prefixes
  similarity?: 'cosine' | 'dot'
  /** Without its prefixes it gives other rankings than published: leaving them out is an error. */
  strict?: true
}

const BGE_ENGLISH = 'Represent this sentence for searching relevant passages: '
const INSTRUCTION = 'Given a web search query, retrieve relevant passages that answer the query'

const none: Prefixes = { query: '', passage: '' }
const query = (prefix: string): Prefixes => ({ query: prefix, passage: '' })

/**
 * By what the names of models have in common, in lower case with dashes, the first match wins. From the cards of the
 * models: e5 (arXiv 2212.03533), bge (2309.07597), contriever (2112.09118), nomic (2402.01613), arctic (2405.05374).
 */
const FAMILIES: readonly (Conventions & { pattern: RegExp })[] = [
  {
    name: 'e5-instruct',
    pattern: /\be5-(mistral-7b|large)-instruct\b|\bmultilingual-e5-large-instruct\b/,
    prefixes: query(`Instruct: ${INSTRUCTION}\nQuery: `),
    strict: true,
  },
  {
    name: 'e5',
    pattern: /\b(multilingual-)?e5-(small|base|large)\b/,
    prefixes: { query: 'query: ', passage: 'passage: ' },
    strict: true,
  },
  { name: 'bge-m3', pattern: /\bbge-m3\b/, prefixes: none },
  { name: 'bge', pattern: /\bbge-(small|base|large)-en\b/, prefixes: query(BGE_ENGLISH) },
  {
    name: 'bge-zh',
    pattern: /\bbge-(small|base|large)-zh\b/,
    prefixes: query('为这个句子生成表示以用于检索相关文章：'),
  },
  { name: 'arctic', pattern: /\barctic-embed-[mlxs]+-v2\b/, prefixes: query('query: ') },
  { name: 'arctic', pattern: /\barctic-embed\b/, prefixes: query(BGE_ENGLISH) },
  { name: 'mxbai', pattern: /\bmxbai-embed\b|\buae-large\b/, prefixes: query(BGE_ENGLISH) },
  {
    name: 'nomic',
    pattern: /\bnomic-embed-text\b/,
    prefixes: { query: 'search_query: ', passage: 'search_document: ' },
    strict: true,
  },
  {
    name: 'qwen3',
    pattern: /\bqwen3-embedding\b/,
    prefixes: query(`Instruct: ${INSTRUCTION}\nQuery:`),
  },
  { name: 'contriever', pattern: /\bcontriever\b/, prefixes: none, similarity: 'dot' },
  { name: 'tas-b', pattern: /\btas-b\b|\bdot-(prod-)?v\d\b|-dot-v\d\b/, prefixes: none, similarity: 'dot' },
  { name: 'gte', pattern: /\bgte-(tiny|small|base|large)\b/, prefixes: none },
  { name: 'minilm', pattern: /\bminilm\b/, prefixes: none },
  { name: 'mpnet', pattern: /\bmpnet\b/, prefixes: none },
]

/** Names that a pipeline can give a family by. */
export const FAMILY_NAMES: readonly string[] = [...new Set(FAMILIES.map(({ name }) => name))]

/** The conventions of the family that one of these names (a repository, a package, a path, a base model) tells of. */
export function conventionsOf(names: readonly string[]): Conventions | undefined {
  for (const name of names) {
    const plain = name.toLowerCase().replaceAll('_', '-')
    const found = FAMILIES.find(({ name: family, pattern }) => family === name || pattern.test(plain))
    if (found) return found
  }
  return undefined
}

/**
 * The prefixes to encode with: those that were written, else those that the model's folder states, else those of its
 * family. A StageError where a family that needs its prefixes would be used with others.
 */
export function prefixesFor(
  family: Conventions | undefined,
  stated: Partial<Prefixes> | undefined,
  written: Partial<Prefixes> | undefined,
): Prefixes {
  const asked = { ...family?.prefixes, ...stated, ...written }
  const chosen: Prefixes = { query: asked.query ?? '', passage: asked.passage ?? '' }
  if (!family?.strict) return chosen
  for (const side of ['query', 'passage'] as const) {
    const needed = family.prefixes[side]
    // Another instruction is another task, not a mistake.
    const isThere =
      family.name === 'e5-instruct' ? chosen[side].startsWith(needed.slice(0, 9)) : chosen[side] === needed
    if (needed !== '' && !isThere)
      throw new StageError(
        `an encoder of the family ${family.name} is used with the ${side} prefix ${JSON.stringify(chosen[side])}, and was trained with ${JSON.stringify(needed)}`,
        {
          advice: `Write \`prefixes: { query: ${JSON.stringify(family.prefixes.query)}, passage: ${JSON.stringify(family.prefixes.passage)} }\`, or leave \`prefixes\` out. If it was trained otherwise, say so with \`conventions: none\`.`,
        },
      )
  }
  return chosen
}
