const BEGINNING = '{"_id":"'
const OTHER_THAN_ASCII = /[\x80-\xff]/

/**
 * The ids of passages, a line each; undefined where a line has none. Lines as this program writes them are not parsed: their
 * texts were read when the keys of their requests were made, and nothing else of them is needed.
 */
export function* passageIds(lines: Uint8Array): Generator<string | undefined> {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength)
  // A byte is a character here: a text is looked through much faster than bytes, which each look calls native code for.
  const text = bytes.toString('latin1')
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const [from, to] = idBetween(text, start, end)
    const id = text.slice(from, to)
    if (to === 0) yield idOf(bytes.toString('utf8', start, end))
    else yield OTHER_THAN_ASCII.test(id) ? bytes.toString('utf8', from, to) : id
    start = end + 1
  }
}

/** Where the id stands; nowhere if it has escapes, or if its name comes again and would count instead. */
function idBetween(text: string, start: number, end: number): [from: number, to: number] {
  const from = start + BEGINNING.length
  const to = text.startsWith(BEGINNING, start) ? text.indexOf('"', from) : -1
  if (to === -1 || to >= end) return [0, 0]
  const again = text.indexOf('"_id"', to)
  return (again !== -1 && again < end) || text.slice(from, to).includes('\\') ? [0, 0] : [from, to]
}

function idOf(line: string): string | undefined {
  try {
    const { _id } = JSON.parse(line)
    return typeof _id === 'string' ? _id : undefined
  } catch {
    return undefined
  }
}
