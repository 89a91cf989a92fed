import { readFileSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

type Passage = { _id: string; title: string; text: string }
type Query = { _id: string; text: string }
type Judgement = { query: string; passage: string; grade: number }

const ROOT = new URL('../../pipelines/quickstart/collection/', import.meta.url)
const FILES = ['corpus.jsonl', 'queries.jsonl', 'qrels/test.tsv', 'qrels/train.tsv', 'README.md']
const SUBJECTS = 16
const PASSAGES_PER_SUBJECT = 16

const read = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8')
const lines = (file: string): string[] => read(file).replace(/\n$/, '').split('\n')
const countOf = (text: string): number => text.split(' ').length
const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replaceAll("'", '')
    .match(/[\p{L}\p{N}]+/gu) ?? []
const subjectOf = (passage: string): number => Math.floor((Number(passage.slice(1)) - 1) / PASSAGES_PER_SUBJECT)

function judgementsOf(split: 'test' | 'train'): Judgement[] {
  return lines(`qrels/${split}.tsv`)
    .slice(1)
    .map((line) => {
      const [query, passage, grade] = line.split('\t')
      return { query: query!, passage: passage!, grade: Number(grade) }
    })
}

function byQuery(judgements: readonly Judgement[]): Map<string, Judgement[]> {
  const grouped = new Map<string, Judgement[]>()
  for (const judgement of judgements) {
    grouped.set(judgement.query, [...(grouped.get(judgement.query) ?? []), judgement])
  }
  return grouped
}

/** Every run of `length` words, with the ids of the passages it stands in. */
function runsOf(passages: readonly Passage[], length: number): Map<string, Set<string>> {
  const runs = new Map<string, Set<string>>()
  for (const { _id, text } of passages) {
    const words = wordsOf(text)
    for (let start = 0; start + length <= words.length; start += 1) {
      const run = words.slice(start, start + length).join(' ')
      runs.set(run, (runs.get(run) ?? new Set()).add(_id))
    }
  }
  return runs
}

const passages = lines('corpus.jsonl').map((line) => JSON.parse(line) as Passage)
const queries = lines('queries.jsonl').map((line) => JSON.parse(line) as Query)
const passageOf = new Map(passages.map((passage) => [passage._id, passage]))
const queryOf = new Map(queries.map((query) => [query._id, query]))
const judgements = { test: judgementsOf('test'), train: judgementsOf('train') }

describe('the passages of the quickstart', () => {
  test('are 256, numbered in order, and have exactly an id, a title and a text', () => {
    expect(passages.map((passage) => passage._id)).toEqual(
      Array.from({ length: SUBJECTS * PASSAGES_PER_SUBJECT }, (_, n) => `p${String(n + 1).padStart(3, '0')}`),
    )
    for (const passage of passages) expect(Object.keys(passage)).toEqual(['_id', 'title', 'text'])
  })

  test('have 40 to 80 words each and a title of their own', () => {
    const outside = passages.filter(({ text }) => countOf(text) < 40 || countOf(text) > 80)
    expect(outside).toEqual([])
    expect(new Set(passages.map((passage) => passage.title)).size).toBe(passages.length)
  })

  test('share no run of eight words with one another', () => {
    const shared = [...runsOf(passages, 8)].filter(([, ids]) => ids.size > 1)
    expect(shared).toEqual([])
  })
})

describe('the queries of the quickstart', () => {
  test('are at least 80 for testing and 60 for training, unique, and have exactly an id and a text', () => {
    expect(queries.filter((query) => /^t\d{3}$/.test(query._id)).length).toBeGreaterThanOrEqual(80)
    expect(queries.filter((query) => /^l\d{3}$/.test(query._id)).length).toBeGreaterThanOrEqual(60)
    expect(queries.filter((query) => !/^[tl]\d{3}$/.test(query._id))).toEqual([])
    expect(queryOf.size).toBe(queries.length)
    expect(new Set(queries.map((query) => wordsOf(query.text).join(' '))).size).toBe(queries.length)
    for (const query of queries) expect(Object.keys(query)).toEqual(['_id', 'text'])
  })

  test('have 3 to 14 words each', () => {
    expect(queries.filter(({ text }) => countOf(text) < 3 || countOf(text) > 14)).toEqual([])
  })

  test('copy no run of five words from a passage', () => {
    const runs = runsOf(passages, 5)
    const copied = [
      ...runsOf(
        queries.map((query) => ({ ...query, title: '' })),
        5,
      ).keys(),
    ].filter((run) => runs.has(run))
    expect(copied).toEqual([])
  })

  test('find between 40 and 70 percent of their words in the passage that answers them', () => {
    for (const split of ['test', 'train'] as const) {
      const shares = [...byQuery(judgements[split])].map(([id, judged]) => {
        const words = wordsOf(queryOf.get(id)!.text)
        const answers = judged.filter(({ grade }) => grade === 2).map(({ passage }) => passageOf.get(passage)!)
        return Math.max(
          ...answers.map(({ title, text }) => {
            const known = new Set(wordsOf(`${title} ${text}`))
            return words.filter((word) => known.has(word)).length / words.length
          }),
        )
      })
      const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
      expect(mean).toBeGreaterThan(0.4)
      expect(mean).toBeLessThan(0.7)
    }
  })
})

describe.each(['test', 'train'] as const)('the judgements for %s', (split) => {
  test('have the BEIR header, three fields and grades 1 or 2, each pair once', () => {
    const [header, ...rows] = lines(`qrels/${split}.tsv`)
    expect(header).toBe('query-id\tcorpus-id\tscore')
    for (const row of rows) expect(row).toMatch(/^[tl]\d{3}\tp\d{3}\t[12]$/)
    const pairs = judgements[split].map(({ query, passage }) => `${query} ${passage}`)
    expect(new Set(pairs).size).toBe(pairs.length)
  })

  test('name only ids that exist, and cover exactly the queries of their split', () => {
    expect(judgements[split].filter(({ passage }) => !passageOf.has(passage))).toEqual([])
    const prefix = split === 'test' ? 't' : 'l'
    const expected = queries.map((query) => query._id).filter((id) => id.startsWith(prefix))
    expect([...byQuery(judgements[split]).keys()]).toEqual(expected)
  })

  test('give every query a passage that answers it, within one subject, and a third of them several', () => {
    const judged = [...byQuery(judgements[split]).values()]
    expect(judged.filter((rows) => !rows.some(({ grade }) => grade === 2))).toEqual([])
    expect(judged.filter((rows) => new Set(rows.map(({ passage }) => subjectOf(passage))).size > 1)).toEqual([])
    expect(judged.filter((rows) => rows.length > 1).length).toBeGreaterThanOrEqual(judged.length / 3)
  })

  test('use both grades and reach every subject', () => {
    expect(new Set(judgements[split].map(({ grade }) => grade))).toEqual(new Set([1, 2]))
    expect(new Set(judgements[split].map(({ passage }) => subjectOf(passage))).size).toBe(SUBJECTS)
  })
})

describe('the collection of the quickstart', () => {
  const judgedFor = (split: 'test' | 'train'): Set<string> => new Set(judgements[split].map(({ passage }) => passage))

  test('judges no passage for both splits and leaves at least 60 without any judgement', () => {
    const [tested, trained] = [judgedFor('test'), judgedFor('train')]
    expect([...tested].filter((passage) => trained.has(passage))).toEqual([])
    expect(passages.length - tested.size - trained.size).toBeGreaterThanOrEqual(60)
  })

  test('is printable text without odd whitespace, ends its lines with a newline, and stays below 300 KB', () => {
    for (const file of FILES.slice(0, 4)) {
      const text = read(file)
      expect(text.endsWith('\n')).toBe(true)
      expect(text.match(/[^\t\n\x20-\x7e°ç]/gu) ?? []).toEqual([])
    }
    for (const text of [...passages.flatMap(({ title, text }) => [title, text]), ...queries.map(({ text }) => text)]) {
      expect(text).not.toMatch(/^\s|\s$|\s\s|[\t\n]/)
    }
    const bytes = FILES.map((file) => statSync(new URL(file, ROOT)).size).reduce((sum, size) => sum + size, 0)
    expect(bytes).toBeLessThan(300_000)
  })

  test('is described by a README whose counts are true', () => {
    const readme = read('README.md')
    const [tested, trained] = [judgedFor('test'), judgedFor('train')]
    expect(readme).toContain(`${passages.length} passages`)
    expect(readme).toContain(`${queries.length} queries`)
    expect(readme).toContain(`${judgements.test.length} judgements of ${byQuery(judgements.test).size} test queries`)
    expect(readme).toContain(
      `${judgements.train.length} judgements of ${byQuery(judgements.train).size} training queries`,
    )
    expect(readme).toContain(`${passages.length - tested.size - trained.size} passages are judged for no query`)
    expect(readme).toContain('Apache-2.0')
  })
})
