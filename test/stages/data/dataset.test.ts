import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { BEIR_SETS } from '../../../stages/data/beir-sets.ts'
import { datasets } from '../../../stages/data/dataset.ts'
import type { DatasetFiles, Json } from '../../../stages/define.ts'
import { writeFiles } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { zipOf } from '../../rig/zip.ts'

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
      { source: 'data/notes.docx' },
      { advice: 'Known: .jsonl, .csv or .tsv, each also with .gz, and .parquet.' },
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
      'a collection that BEIR does not publish',
      { source: 'beir:scifacts' },
      { message: 'BEIR publishes no collection `scifacts`', at: 'source' },
    ],
    [
      'a collection of collections',
      { source: 'beir:cqadupstack' },
      { message: 'beir:cqadupstack is 12 collections', at: 'source' },
    ],
    [
      'a branch of a hub, which moves',
      { source: 'hf:BeIR/scifact@main' },
      { message: '`hf:BeIR/scifact@main` is not pinned to a commit of 40 hexadecimal digits', at: 'source' },
    ],
    [
      'an address without a digest',
      { source: 'https://host/c.jsonl' },
      { message: '`https://host/c.jsonl` has no `digest`', at: 'source' },
    ],
    [
      'an address that everybody on the way can read and change',
      { source: 'http://host/c.jsonl' },
      { message: '`http://host/c.jsonl` is not encrypted', at: 'source' },
    ],
    [
      'a password',
      { source: 'https://me:secret@host/c.jsonl' },
      { message: 'a pipeline must not hold a password', at: 'source' },
    ],
    ['an unknown kind', { source: 'ftp:x' }, { message: 'unknown kind of source `ftp:`', at: 'source' }],
    ['a broken archive', { source: 'data/broken.zip' }, { message: 'not a zip archive: ./data/broken.zip' }],
    [
      'two files of one split',
      { source: 'two' },
      { message: 'split test has two files: ./two/qrels/test.tsv and ./two/qrels/test.tsv.gz' },
    ],
    [
      'judgements without queries',
      { corpus: 'data/toy/corpus.jsonl', qrels: { test: 'judged.tsv' } },
      { message: 'the dataset has judgements but no queries' },
    ],
  ])('says what is wrong with %s', (_, block, problem) => {
    const folder = writeFiles({
      'data/toy/corpus.jsonl': '',
      'data/notes.docx': '',
      'data/broken.zip': 'PK',
      'empty/documents.csv': '',
      'judged.tsv': '',
      'two/corpus.jsonl': '',
      'two/queries.jsonl': '',
      'two/qrels/test.tsv': '',
      'two/qrels/test.tsv.gz': '',
    })
    if (!('source' in block && block.source === 'data/toi'))
      return expect(resolved(block, folder)).toMatchObject(problem)
    expect(resolved(block, writeFiles({ 'data/toy/corpus.jsonl': '' }))).toMatchObject(problem)
  })

  it('knows the published collections by their digests, without having them', () => {
    const mirror = 'https://mirror.example/sets/'
    expect(datasets.resolve({ source: 'beir:scifact', mirror }, '/')).toEqual({
      corpus: part('corpus'),
      queries: part('queries'),
      qrels: { test: part('qrels/test'), train: part('qrels/train') },
    })
    function part(name: string): object {
      const from = 'https://mirror.example/sets/scifact.zip'
      return { remote: { from, pin: { md5: '5f7d1de60b170fc8027bb7898e2efca1' } }, reading: { part: name } }
    }
    for (const [name, { members }] of Object.entries(BEIR_SETS))
      for (const member of members ?? [undefined])
        expect(
          datasets.resolve({ source: `beir:${name}${member === undefined ? '' : `/${member}`}` }, '/'),
        ).toHaveProperty('corpus')
  })

  it('finds the parts of an archive, wherever in it they lie', () => {
    const folder = temporaryFolder()
    const archive = zipOf([
      ['__MACOSX/toy/corpus.jsonl.x', ''],
      ['toy/corpus.jsonl', ''],
      ['toy/queries.jsonl', ''],
      ['toy/qrels/dev.tsv', ''],
    ])
    writeFileSync(path.join(folder, 'toy.zip'), archive)
    const place = { path: './toy.zip' }
    expect(resolved({ source: 'toy.zip' }, folder)).toEqual({
      corpus: { ...place, reading: { part: 'corpus' } },
      queries: { ...place, reading: { part: 'queries' } },
      qrels: { dev: { ...place, reading: { part: 'qrels/dev' } } },
    })
  })

  it("takes MS MARCO's files, with the queries of each split", () => {
    const folder = writeFiles({
      'm/collection.tsv': '',
      'm/queries.train.tsv': '',
      'm/queries.dev.small.tsv': '',
      'm/qrels.train.tsv': '',
      'm/qrels.dev.small.tsv': '',
    })
    expect(resolved({ source: 'm' }, folder)).toEqual({
      corpus: './m/collection.tsv',
      qrels: { 'dev-small': './m/qrels.dev.small.tsv', train: './m/qrels.train.tsv' },
      splitQueries: { 'dev-small': './m/queries.dev.small.tsv', train: './m/queries.train.tsv' },
    })
  })

  it('takes shards as hubs have them, in order, and never mixes forms', () => {
    const folder = writeFiles({
      'h/corpus/test-00001-of-00002.parquet': '',
      'h/corpus/test-00000-of-00002.parquet': '',
      'h/corpus/notes.csv': '',
      'h/queries/test-00000-of-00001.parquet': '',
      'h/qrels/test-00000-of-00001.parquet': '',
    })
    expect(resolved({ source: 'h' }, folder)).toEqual({
      corpus: { path: './h', files: ['corpus/test-00000-of-00002.parquet', 'corpus/test-00001-of-00002.parquet'] },
      queries: './h/queries/test-00000-of-00001.parquet',
      qrels: { test: './h/qrels/test-00000-of-00001.parquet' },
    })
  })

  it('takes a folder of documents, without what is hidden', () => {
    const folder = writeFiles({ 'd/b.md': '', 'd/a/x.txt': '', 'd/.git/y.md': '', 'd/z.pdf': '' })
    expect(resolved({ source: 'd' }, folder)).toEqual({
      corpus: { path: './d', files: ['a/x.txt', 'b.md'], reading: { form: 'documents' } },
      qrels: {},
    })
  })

  it('gives each part the names of its own columns', () => {
    const folder = writeFiles({ 'c.csv': '', 'q.csv': '', 't.csv': '' })
    const columns = { id: 'key', text: 'body', query: 'q' }
    expect(
      resolved(
        {
          source: 'c.csv',
          columns,
          queries: { source: 'q.csv', columns: { id: 'number' } },
          qrels: { test: { source: 't.csv', columns } },
        },
        folder,
      ),
    ).toEqual({
      corpus: { path: './c.csv', reading: { columns: { id: 'key', text: 'body' } } },
      queries: { path: './q.csv', reading: { columns: { id: 'number' } } },
      qrels: { test: { path: './t.csv', reading: { columns: { query: 'q' } } } },
    })
  })
})
