import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { RecordedFile, RecordedOutput } from '../../cache/action-record.ts'
import type { BlobStore } from '../../cache/blob-store.ts'

/** A row of an output as people look at it: what it is called, and its texts. */
export interface SampleRow {
  id: string
  texts: readonly { name: string; text: string }[]
}

const ROWS = 3
const MOST_TEXT = 600
const CHUNK = 128 * 1024
/** Passages of pairs are searched for in files up to this size. */
const MOST_BYTES = 64 * 1024 * 1024

const FILES: { readonly [kind: string]: string } = {
  passages: 'passages.jsonl',
  pairs: 'pairs.jsonl',
  training: 'training.jsonl',
}

/**
 * A few rows of an output of passages, pairs or training examples, from its beginning, its middle and its end; none of
 * other kinds, or of what is not stored whole. However large it is, only some of it is read.
 */
export async function sampleOf(
  output: RecordedOutput,
  blobs: Pick<BlobStore, 'check' | 'locate'>,
): Promise<SampleRow[]> {
  const name = FILES[output.kind]
  const place = (path: string | undefined): { at: string; file: RecordedFile } | undefined => {
    const file = output.files.find((one) => one.path === path)
    return file && blobs.check(file.blob, file.size) === 'ok' ? { at: blobs.locate(file.blob), file } : undefined
  }
  const rows = place(name)
  if (!rows) return []
  const read = rowsFrom(rows.at)
  if (output.kind !== 'pairs') return read.map(sampleRow)
  const passages = place(FILES.passages)
  const wanted = new Set(read.map(({ passage_id }) => String(passage_id)))
  const found = passages && passages.file.size <= MOST_BYTES ? await passagesIn(passages.at, wanted) : new Map()
  return read.map((row) => {
    const passage = found.get(String(row.passage_id)) as Row | undefined
    const { id, texts } = sampleRow(row)
    return { id, texts: [...texts, ...(passage ? sampleRow(passage).texts : [])] }
  })
}

type Row = { readonly [name: string]: unknown }

const TEXTS = ['query', 'anchor', 'title', 'text', 'positive', 'negative_1', 'source']

function sampleRow(row: Row): SampleRow {
  const { _id, query_id, passage_id } = row
  const ids = [_id ?? query_id, passage_id].filter((id) => typeof id === 'string')
  return {
    id: cut([...new Set(ids)].join(' · '), 120),
    texts: TEXTS.flatMap((name) => {
      const text = row[name]
      return typeof text === 'string' && text !== '' ? [{ name, text: cut(text, MOST_TEXT) }] : []
    }),
  }
}

/** The first whole rows after some places of a file. */
function rowsFrom(path: string): Row[] {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const rows = new Map<string, Row>()
    for (let i = 0; i < ROWS; i++) {
      const start = Math.floor((size * i) / ROWS)
      const bytes = Buffer.alloc(Math.min(CHUNK, size - start))
      const lines = bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, start)).split('\n')
      // A place in the middle of a row is inside of a line.
      const line = lines[start === 0 ? 0 : 1]
      const row = line && parsed(line)
      if (row) rows.set(line, row)
    }
    return [...rows.values()]
  } finally {
    closeSync(file)
  }
}

async function passagesIn(path: string, wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, Row>> {
  const found = new Map<string, Row>()
  const stream = createReadStream(path, 'utf8')
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      const row = parsed(line)
      if (row && wanted.has(String(row._id))) found.set(String(row._id), row)
      if (found.size === wanted.size) break
    }
  } finally {
    stream.destroy()
  }
  return found
}

function parsed(line: string): Row | undefined {
  try {
    const value = JSON.parse(line) as unknown
    return value !== null && typeof value === 'object' ? (value as Row) : undefined
  } catch {
    return undefined
  }
}

function cut(text: string, most: number): string {
  // A character is at most two code units: more than these need not be looked at.
  const characters = [...text.slice(0, 2 * most + 2)]
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : text
}
