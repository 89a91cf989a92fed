const NEWLINE = 0x0a
const QUOTE = 0x22
const BEGINNING = Buffer.from('{"_id":"')
const NAME = Buffer.from('"_id"')

/**
 * The ids of passages, a line each; undefined where a line has none. Lines as this program writes them are not parsed: their
 * texts were read when the keys of their requests were made, and nothing else of them is needed.
 */
export function* passageIds(lines: Uint8Array): Generator<string | undefined> {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength)
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline === -1 ? bytes.length : newline
    yield idBetween(bytes, start, end) ?? idOf(bytes.toString('utf8', start, end))
    start = end + 1
  }
}

// A name that comes again would count instead.
function idBetween(bytes: Buffer, start: number, end: number): string | undefined {
  for (let at = 0; at < BEGINNING.length; at++) if (bytes[start + at] !== BEGINNING[at]) return undefined
  const from = start + BEGINNING.length
  const to = bytes.indexOf(QUOTE, from)
  const again = bytes.indexOf(NAME, to)
  if (to === -1 || to >= end || (again !== -1 && again < end)) return undefined
  const id = bytes.toString('utf8', from, to)
  return id.includes('\\') ? undefined : id
}

function idOf(line: string): string | undefined {
  try {
    const { _id } = JSON.parse(line)
    return typeof _id === 'string' ? _id : undefined
  } catch {
    return undefined
  }
}
