import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, it } from 'vitest'
import { readCorpus, readQueries } from '../../../stages/data/beir.ts'
import type { PartReading } from '../../../stages/data/form.ts'
import { readQrels } from '../../../stages/data/qrels.ts'
import type { SourceFile } from '../../../stages/define.ts'
import { sourceFile } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { zipOf } from '../../rig/zip.ts'

type Content = string | Uint8Array
type Reader = (source: SourceFile) => AsyncIterable<unknown>

const OK = '{"_id":"a","text":"x"}\n'
const latin1 = Buffer.from('{"_id":"b","text":"caf\xe9"}\n', 'latin1')
const parquet = (columns: { [name: string]: unknown[] }): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: Object.entries(columns).map(([name, data]) => ({
        name,
        data: data as string[],
        type: 'STRING' as const,
      })),
    }),
  )

const CASES: readonly [name: string, read: Reader, content: Content, reading?: PartReading][] = [
  ['c.jsonl', readCorpus, `${OK}{"_id":"b","text":\n`],
  ['c.jsonl', readCorpus, `${OK}["b","y"]\n`],
  ['c.jsonl', readCorpus, `${OK}{"text":"y"}\n`],
  ['c.jsonl', readCorpus, `${OK}{"_id":7,"text":"y"}\n`],
  ['c.jsonl', readCorpus, `${OK}{"_id":"","text":"y"}\n`],
  ['c.jsonl', readCorpus, `${OK}{"_id":"\\ud800","text":"y"}\n`],
  ['c.jsonl', readCorpus, `${OK}{"_id":"b"}\n`],
  ['c.jsonl', readCorpus, `${OK}{"_id":"b","text":["y"]}\n`],
  ['c.jsonl', readCorpus, `${OK}{"_id":"b","title":3,"text":"y"}\n`],
  ['c.jsonl', readCorpus, `${OK}\n${OK}`],
  ['c.jsonl', readCorpus, Buffer.concat([Buffer.from(OK), latin1])],
  ['c.jsonl', readCorpus, `${OK}${'x'.repeat(17 << 20)}`],
  ['c.jsonl', readCorpus, ''],
  ['c.jsonl.gz', readCorpus, gzipSync(OK).subarray(0, 20)],
  ['c.jsonl.gz', readCorpus, OK],
  ['c.jsonl', readCorpus, OK, { columns: { id: 'key' } }],
  ['c.tsv', readCorpus, 'a\tx\nb\ty\tz\n'],
  ['c.csv', readCorpus, 'id,text\na,"x\n'],
  ['c.csv', readCorpus, 'id,text\na,x "y"\n'],
  ['c.csv', readCorpus, 'id,text\na\n'],
  ['c.parquet', readCorpus, OK],
  ['c.parquet', readCorpus, parquet({ _id: ['a', 'b'], text: ['x', null as unknown as string] })],
  ['c.parquet', readCorpus, parquet({ number: ['a'], text: ['x'] })],
  ['c.zip', readCorpus, OK, { part: 'corpus' }],
  ['c.zip', readCorpus, zipOf([['notes.txt', '']]), { part: 'corpus' }],
  ['c.zip', readCorpus, zipOf([{ name: 'corpus.jsonl', content: OK, claims: { crc: 3 } }]), { part: 'corpus' }],
  ['q.jsonl', readQueries, ''],
  ['q.tsv', readQueries, '1\ta\n1\tb\n'],
  ['t.tsv', readQrels, 'query-id\tcorpus-id\tscore\n1\ta\thigh\n'],
  ['t.tsv', readQrels, 'query-id\tcorpus-id\tscore\n1\ta\n'],
  ['t.tsv', readQrels, '1\t\t1\n'],
  ['t.tsv', readQrels, '1\ta\t1\n1\ta\t2\n'],
  ['t.tsv', readQrels, ''],
  ['t.jsonl', readQrels, '{"query-id":"1","score":1}\n'],
]

it('what is wrong with a file is told with its place and with what to do', async () => {
  const told: string[] = []
  for (const [name, read, content, reading] of CASES) {
    const folder = temporaryFolder()
    const place = path.join(folder, name)
    writeFileSync(place, content)
    const source = { ...sourceFile(place), ...(reading ? { reading: reading as never } : {}) }
    const error = await all(read(source)).then(
      () => new Error('nothing was thrown'),
      (thrown: Error & { where?: string; advice?: string }) => thrown,
    )
    const { where, advice } = error as { where?: string; advice?: string }
    expect(error.name).toBe('StageError')
    const shown = [`${where}: ${error.message}`, ...(advice === undefined ? [] : [`  ${advice}`])].join('\n')
    told.push(shown.replaceAll(`${folder}/`, ''))
  }
  expect(told.filter((one) => !one.includes('\n'))).toEqual([])
  await expect(`${told.join('\n\n')}\n`).toMatchFileSnapshot('malformed.txt')
})

async function all(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}
