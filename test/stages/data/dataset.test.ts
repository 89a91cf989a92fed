import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { datasets } from '../../../stages/data/dataset.ts'
import type { DatasetFiles, Json } from '../../../stages/define.ts'
import { writeFiles } from '../../rig/stage.ts'

/** What resolving says, with the folder cut out of paths and messages. */
function resolved(block: Json, folder: string): Json {
  return JSON.parse(JSON.stringify(datasets.resolve(block, folder)).replaceAll(folder, '.'))
}

describe('a dataset block', () => {
  it('takes the files of a BEIR folder, packed ones too', () => {
    const folder = writeFiles({
      'toy/corpus.jsonl.gz': '',
      'toy/queries.jsonl': '',
      'toy/qrels/test.tsv': '',
      'toy/qrels/dev.tsv.gz': '',
      'toy/qrels/README': '',
    })
    expect(resolved({ source: 'toy' }, folder)).toEqual({
      corpus: './toy/corpus.jsonl.gz',
      queries: './toy/queries.jsonl',
      qrels: { dev: './toy/qrels/dev.tsv.gz', test: './toy/qrels/test.tsv' },
    })
  })

  it('takes a file of passages, which has no queries', () => {
    const folder = writeFiles({ 'c.tsv': '' })
    expect(resolved({ source: './c.tsv' }, folder)).toEqual({ corpus: './c.tsv', qrels: {} })
    expect((datasets.resolve({ source: path.join(folder, 'c.tsv') }, '/') as DatasetFiles).corpus).toBe(
      path.join(folder, 'c.tsv'),
    )
  })

  it('lets single files be named, alone or beside a folder', () => {
    const folder = writeFiles({
      'toy/corpus.jsonl': '',
      'toy/queries.jsonl': '',
      'toy/qrels/test.tsv': '',
      'mine.qrels': '',
    })
    expect(
      resolved({ corpus: 'toy/corpus.jsonl', queries: 'toy/queries.jsonl', qrels: { mine: 'mine.qrels' } }, folder),
    ).toEqual({
      corpus: './toy/corpus.jsonl',
      queries: './toy/queries.jsonl',
      qrels: { mine: './mine.qrels' },
    })
    expect(resolved({ source: 'toy', qrels: { mine: 'mine.qrels' } }, folder)).toMatchObject({
      qrels: { mine: './mine.qrels', test: './toy/qrels/test.tsv' },
    })
  })

  it.each([
    ['nothing', {}, { message: 'the dataset has neither `source` nor `corpus`' }],
    [
      'a missing folder',
      { source: 'data/toi' },
      { message: 'no such file or folder: ./data/toi', advice: './data holds toy/.', at: 'source' },
    ],
    [
      'a folder without a corpus',
      { source: 'empty' },
      {
        message: 'no corpus.jsonl in ./empty',
        advice: 'A BEIR folder holds corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv; this one holds documents.csv.',
      },
    ],
    [
      'a file of another form',
      { source: 'empty/documents.csv' },
      { advice: 'Known: .jsonl or .tsv, each also with .gz.' },
    ],
    [
      'a missing file',
      { source: 'data/toy', queries: 'q.jsonl' },
      { message: 'no such file: ./q.jsonl', at: 'queries' },
    ],
    [
      'a missing file of judgements',
      { source: 'data/toy', qrels: { test: 't.tsv' } },
      { message: 'no such file: ./t.tsv', at: 'qrels/test' },
    ],
    [
      'a published collection',
      { source: 'beir:scifact' },
      { message: 'sources of the kind `beir:` are not supported yet' },
    ],
    [
      'judgements without queries',
      { corpus: 'data/toy/corpus.jsonl', qrels: { test: 'judged.tsv' } },
      { message: 'the dataset has judgements but no queries' },
    ],
  ])('says what is wrong with %s', (_, block, problem) => {
    const folder = writeFiles({ 'data/toy/corpus.jsonl': '', 'empty/documents.csv': '', 'judged.tsv': '' })
    expect(resolved(block, folder)).toMatchObject(problem)
  })
})
