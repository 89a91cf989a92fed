import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { readCorpus, readQueries, whereQuery } from '../../../stages/data/beir.ts'
import type { PartReading } from '../../../stages/data/form.ts'
import { readQrels } from '../../../stages/data/qrels.ts'
import type { SourceFile } from '../../../stages/define.ts'
import { sourceFile } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { zipOf } from '../../rig/zip.ts'

function source(name: string, content: string | Uint8Array, reading?: PartReading): SourceFile {
  const place = path.join(temporaryFolder(), name)
  writeFileSync(place, content)
  return { ...sourceFile(place), ...(reading ? { reading: reading as never } : {}) }
}

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const list: Row[] = []
  for await (const row of rows) list.push(row)
  return list
}

/** Place, message and advice of the StageError that reading ends with; the place without its folder. */
async function failure(rows: AsyncIterable<unknown>): Promise<string[]> {
  const error = await all(rows).then(
    () => undefined,
    (thrown: Error & { where?: string; advice?: string }) => thrown,
  )
  if (error?.name !== 'StageError') throw error ?? new Error('nothing was thrown')
  return [
    (error.where ?? '').replace(/^.*\/queryloom-[^/]*\//, '').replace(/^.*\/(?=[^/]*$)/, ''),
    error.message,
    error.advice ?? '',
  ]
}

const TWO = [
  { _id: 'a', doc_id: 'a', title: 'T', text: 'one, "two"' },
  { _id: 'b', doc_id: 'b', title: '', text: 'three\nfour' },
]

describe('comma-separated values', () => {
  const text = 'title,_id,text\nT,a,"one, ""two"""\n,b,"three\nfour"\n'

  it('have quotes with commas, line ends and quotes in them; packed, with a mark of order and CRLF too', async () => {
    expect(await all(readCorpus(source('c.csv', text)))).toEqual(TWO)
    expect(await all(readCorpus(source('c.csv.gz', gzipSync(text))))).toEqual(TWO)
    expect(await all(readCorpus(source('c.csv', `\ufeff${text.replaceAll('\n', '\r\n')}`)))).toEqual(TWO)
  })

  it('are .tsv with quotes where the block says so, and only there', async () => {
    const tabs = 'id\ttext\na\t"one\ttwo"\n'
    expect(await all(readCorpus(source('c.tsv', tabs, { quoted: true })))).toEqual([
      { _id: 'a', doc_id: 'a', title: '', text: 'one\ttwo' },
    ])
    expect(await failure(readCorpus(source('c.tsv', tabs)))).toEqual([
      'c.tsv:2',
      '3 columns where 2 were expected',
      'Rows are `id<TAB>text`, or start the file with a header that names the columns (_id, title, text).',
    ])
  })

  it('give back whatever was written', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', ' ', '😀'), maxLength: 6 })
    const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 8 }), async (texts) => {
        const rows = texts.map((one, i) => `${i},${quote(one)}\n`).join('')
        const read = await all(readCorpus(source('c.csv', `id,text\n${rows}`)))
        expect(read.map((passage) => passage.text)).toEqual(texts)
      }),
      { numRuns: 60, seed: 3 },
    )
  })

  it.each([
    ['id,text\na,"one\nb,two\n', ['c.csv:2', 'a quote is opened and never closed']],
    ['id,text\na,one "two"\n', ['c.csv:2', 'a quote stands in the middle of a field']],
    ['id,text\na,"one" two\n', ['c.csv:2', 'a quote stands in the middle of a field']],
    ['id,text\na,one,two\n', ['c.csv:2', '3 columns where 2 were expected']],
    ['id,text\na,one\n"b\n",x\na,two\n', ['c.csv:5', 'duplicate id "a", first seen on line 2']],
    ['name,words\na,one\n', ['c.csv:3', '']],
  ])('are refused where they are wrong: %j', async (broken, [where, message]) => {
    if (message === '') return expect(await all(readCorpus(source('c.csv', broken)))).toHaveLength(2)
    const found = await failure(readCorpus(source('c.csv', broken)))
    expect(found[0]).toContain(where as string)
    expect(found[1]).toBe(message)
  })
})

describe('columns with names of their own', () => {
  it('are named by the block, in any form, and may lie inside of objects', async () => {
    const columns = { id: 'key', title: 'meta.name', text: 'body' }
    const rows = '{"key":"a","meta":{"name":"N"},"body":"x","text":"y"}\n{"key":"b","body":"z"}\n'
    expect(await all(readCorpus(source('c.jsonl', rows, { columns })))).toEqual([
      { _id: 'a', doc_id: 'a', title: 'N', text: 'x' },
      { _id: 'b', doc_id: 'b', title: '', text: 'z' },
    ])
    expect(
      await all(readQueries(source('q.csv', 'body,key\nwhy,1\n', { columns: { id: 'key', text: 'body' } }))),
    ).toEqual([{ _id: '1', text: 'why' }])
  })

  it('are known by other usual names without being named', async () => {
    expect(await all(readCorpus(source('c.jsonl', '{"docid":"a","contents":"x"}\n')))).toEqual([
      { _id: 'a', doc_id: 'a', title: '', text: 'x' },
    ])
  })

  it('are refused where they are not there', async () => {
    expect(await failure(readCorpus(source('c.csv', 'a,b\n1,2\n', { columns: { id: 'key' } })))).toEqual([
      'c.csv',
      'there is no column `key`',
      'The first row has `a`, `b`.',
    ])
  })
})

describe('Parquet', () => {
  const file = (columns: { name: string; data: unknown[]; type?: 'STRING' | 'INT64' | 'INT32' }[]): Uint8Array =>
    new Uint8Array(parquetWriteBuffer({ columnData: columns as never, rowGroupSize: 2 }))

  it('is read in the order of its rows, over groups and shards', async () => {
    const folder = temporaryFolder()
    const texts = ['one', 'two', 'three', 'four', 'five']
    mkdirSync(path.join(folder, 'corpus'))
    for (const [name, from, to] of [
      ['0.parquet', 0, 3],
      ['1.parquet', 3, 5],
    ] as const) {
      const ids = [0n, 1n, 2n, 3n, 4n].slice(from, to)
      writeFileSync(
        path.join(folder, 'corpus', name),
        file([
          { name: '_id', data: ids, type: 'INT64' },
          { name: 'text', data: texts.slice(from, to), type: 'STRING' },
        ]),
      )
    }
    const digest = sourceFile(path.join(folder, 'corpus/0.parquet')).digest
    const shards = { location: path.join(folder, 'corpus'), digest, files: ['0.parquet', '1.parquet'] }
    expect(await all(readCorpus(shards))).toEqual(
      texts.map((text, i) => ({ _id: String(i), doc_id: String(i), title: '', text })),
    )
  })

  it('holds judgements and queries too', async () => {
    const qrels = file([
      { name: 'query-id', data: ['1', '1'], type: 'STRING' },
      { name: 'corpus-id', data: ['a', 'b'], type: 'STRING' },
      { name: 'score', data: [1, 0], type: 'INT32' },
    ])
    expect(await all(readQrels(source('t.parquet', qrels)))).toMatchObject([
      { query: '1', passage: 'a', relevance: 1 },
      { query: '1', passage: 'b', relevance: 0 },
    ])
  })

  it('is refused where it is broken, with the row where one is to blame', async () => {
    const twice = file([
      { name: '_id', data: ['a', 'b', 'a'], type: 'STRING' },
      { name: 'text', data: ['x', 'y', 'z'], type: 'STRING' },
    ])
    expect(await failure(readCorpus(source('c.parquet', twice)))).toEqual([
      'c.parquet, row 3',
      'duplicate id "a", first seen on row 1',
      'Ids of a corpus must be unique.',
    ])
    expect((await failure(readCorpus(source('c.parquet', 'not one'))))[1]).toContain('not a Parquet file')
    const cut = twice.slice(0, 40)
    expect((await failure(readCorpus(source('c.parquet', cut))))[1]).toContain('not a Parquet file')
  })
})

describe('a folder of documents', () => {
  const folder = (files: { readonly [name: string]: string | Buffer }): SourceFile => {
    const place = temporaryFolder()
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(place, name)), { recursive: true })
      writeFileSync(path.join(place, name), content)
    }
    const names = Object.keys(files).sort()
    const { digest } = sourceFile(path.join(place, names[0] as string))
    return { location: place, digest, files: names, reading: { form: 'documents' } }
  }

  it('is a passage a file: the first heading is the title of Markdown', async () => {
    const documents = folder({
      'a b.md': '\n# Tea #\r\n\r\nBrew it.\n',
      'c.txt': '# no heading\n',
      'sub/d.md': 'just text',
    })
    expect(await all(readCorpus(documents))).toEqual([
      { _id: 'a%20b.md', doc_id: 'a%20b.md', title: 'Tea', text: 'Brew it.' },
      { _id: 'c.txt', doc_id: 'c.txt', title: '', text: '# no heading' },
      { _id: 'sub/d.md', doc_id: 'sub/d.md', title: '', text: 'just text' },
    ])
  })

  it('names the line that is not UTF-8', async () => {
    const broken = folder({ 'x.txt': Buffer.concat([Buffer.from('fine\n'), Buffer.from([0xff, 0x0a])]) })
    expect((await failure(readCorpus(broken))).slice(0, 2)).toEqual(['x.txt:2', 'not valid UTF-8'])
  })
})

describe('an archive', () => {
  const rows = '{"_id":"a","title":"T","text":"one, \\"two\\""}\n{"_id":"b","text":"three\\nfour"}\n'
  const archive = (...members: Parameters<typeof zipOf>[0]): SourceFile =>
    source('set.zip', zipOf(members), { part: 'corpus' })

  it('is read where it lies, packed members too', async () => {
    expect(await all(readCorpus(archive(['toy/corpus.jsonl', rows], ['toy/queries.jsonl', ''])))).toEqual(TWO)
    expect(await all(readCorpus(archive(['corpus.jsonl.gz', gzipSync(rows)])))).toEqual(TWO)
  })

  it('holds several collections, of which one is meant', async () => {
    const both = zipOf([
      ['all/tea/corpus.jsonl', rows],
      ['all/milk/corpus.jsonl', '{"_id":"m","text":"x"}\n'],
    ])
    const [milk] = await all(readCorpus(source('all.zip', both, { part: 'corpus', within: 'milk' })))
    expect(milk?._id).toBe('m')
  })

  it.each<[string, Parameters<typeof zipOf>[0], string]>([
    [
      'leads out of its folder',
      [['../corpus.jsonl', rows]],
      'not a zip archive that can be read: invalid relative path',
    ],
    [
      'leads out with an absolute name',
      [
        ['/etc/cron.d/x', ''],
        ['corpus.jsonl', rows],
      ],
      'not a zip archive that can be read: absolute path',
    ],
    ['holds a link', [{ name: 'corpus.jsonl', content: '/etc/passwd', mode: 0o120777 }], 'the member is a link'],
    [
      'explodes',
      [{ name: 'corpus.jsonl', content: Buffer.alloc(3 << 20, 0x0a) }],
      'the member claims to unpack to 3145728 bytes from',
    ],
    [
      'lies about the size of a member',
      [{ name: 'corpus.jsonl', content: rows, claims: { size: 10 } }],
      'not a zip archive that can be read',
    ],
    [
      'is damaged',
      [{ name: 'corpus.jsonl', content: rows, claims: { crc: 1 } }],
      'the member is damaged: its checksum is another one',
    ],
    ['is encrypted', [{ name: 'corpus.jsonl', content: rows, claims: { encrypted: true } }], 'the member is encrypted'],
    ['has no corpus', [['readme.txt', 'x']], 'the archive has no corpus'],
    ['holds Parquet', [['corpus.parquet', 'x']], 'Parquet inside of an archive is not read'],
  ])('is refused where it %s', async (_, members, message) => {
    expect((await failure(readCorpus(archive(...members))))[1]).toContain(message)
  })

  it('is refused where it is none, or cut', async () => {
    const whole = zipOf([['corpus.jsonl', rows]])
    for (const bytes of [Buffer.from('no'), whole.subarray(0, whole.length - 30)])
      expect((await failure(readCorpus(source('x.zip', bytes, { part: 'corpus' }))))[1]).toMatch(/not a zip archive/)
  })
})

describe('files that are packed badly', () => {
  it('are told of as such', async () => {
    const packed = gzipSync(Array.from({ length: 50 }, (_, i) => `{"_id":"${i}","text":"one"}\n`).join(''))
    expect((await failure(readCorpus(source('c.jsonl.gz', packed.subarray(0, 40))))).slice(0, 2)).toEqual([
      'c.jsonl.gz',
      'the compressed file is broken or cut short',
    ])
  })
})

it('finds the row of a query again, in any form', async () => {
  expect(await whereQuery(source('q.tsv', '1\ta\n2\tb\n'), '2')).toMatch(/q\.tsv:2$/)
  expect(await whereQuery(source('q.csv', 'id,text\n1,"a\nb"\n2,c\n'), '2')).toMatch(/q\.csv:4$/)
})
