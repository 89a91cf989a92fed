const ASCII = /^[\x20-\x7e]*$/
/** Nothing but marks that stand on the character before, and characters that are not seen. */
const UNSEEN = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}\u200b-\u200f]*$/u
/** What terminals give two columns: East Asian wide and fullwidth characters (UAX 11), and emoji. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f1e6}-\u{1f1ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|.\ufe0f)/u

let segmenter: Intl.Segmenter | undefined

/** Columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes(text)) width += graphemeWidth(segment)
  return width
}

/** The text if it fits into so many columns, else its beginning and `…`; no character is cut in two. */
export function cutToWidth(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  if (columns < 1) return ''
  let kept = ''
  let width = 0
  for (const { segment } of graphemes(text)) {
    width += graphemeWidth(segment)
    if (width > columns - 1) break
    kept += segment
  }
  return `${kept}…`
}

/** A text in lines of at most so many columns, broken at spaces, all but the first after `hang`; longer words stay whole. */
export function wrapToWidth(text: string, columns: number, hang = ''): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/(?<=\S)(?= )/)) {
    if (line !== '' && textWidth(line + word) > columns) {
      lines.push(line)
      line = hang + word.trimStart()
    } else line += word
  }
  return [...lines, line].join('\n')
}

function graphemes(text: string): Iterable<Intl.SegmentData> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return segmenter.segment(text)
}

function graphemeWidth(segment: string): number {
  if (UNSEEN.test(segment)) return 0
  return WIDE.test(segment) ? 2 : 1
}
