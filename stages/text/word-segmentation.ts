/** Word_Break classes of UAX #29 as far as they decide tokens. */
const OTHER = 1
const LETTER = 2
const NUMERIC = 3
const KATAKANA = 4
const EXTEND_NUM_LET = 5
const MID_LETTER = 6
const MID_NUM = 7
const MID_NUM_LET = 8
const EXTEND = 9
/** Han and Hiragana: a token of their own. */
const IDEOGRAPH = 10
/** Scripts that need a dictionary (Thai, Lao, Myanmar, Khmer, ...): a run is one token. */
const COMPLEX = 11

const MID_LETTERS = /[:\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a]/u
const MID_NUMS = /[,;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b]/u
const MID_NUM_LETS = /['.\u2018\u2019\u2024\ufe52\uff07\uff0e]/u
const COMPLEX_CONTEXT =
  /[\p{Script=Thai}\p{Script=Lao}\p{Script=Myanmar}\p{Script=Khmer}\p{Script=Tai_Le}\p{Script=New_Tai_Lue}\p{Script=Tai_Tham}\p{Script=Tai_Viet}\p{Script=Ahom}]/u
const KATAKANAS = /[\p{Script=Katakana}\u3031-\u3035\u309b\u309c\u30a0\u30fc\uff70]/u
const LETTERS =
  /[\p{Alphabetic}\u02c2-\u02c5\u02d2-\u02d7\u02de\u02df\u02e5-\u02eb\u02ed\u02ef-\u02ff\u055a-\u055c\u055e\u058a\u05f3\ua708-\ua716\ua720\ua721\ua789\ua78a\uab5b]/u

const classes = new Uint8Array(0x110000)

function classOf(codePoint: number): number {
  let kind = classes[codePoint]!
  if (kind === 0) {
    kind = classify(String.fromCodePoint(codePoint))
    classes[codePoint] = kind
  }
  return kind
}

// The order matters: a mark of Thai is a mark, the prolonged sound mark is Katakana before it is a letter.
function classify(character: string): number {
  if (character === '\u200b') return OTHER
  if (/[\p{M}\p{Grapheme_Extend}\p{Cf}\p{Emoji_Modifier}]/u.test(character)) return EXTEND
  if (MID_LETTERS.test(character)) return MID_LETTER
  if (MID_NUMS.test(character)) return MID_NUM
  if (MID_NUM_LETS.test(character)) return MID_NUM_LET
  if (/[\p{Pc}\u202f]/u.test(character)) return EXTEND_NUM_LET
  if (/[\p{Nd}\u066b]/u.test(character)) return NUMERIC
  if (KATAKANAS.test(character)) return KATAKANA
  if (/[\p{Script=Han}\p{Script=Hiragana}]/u.test(character)) return IDEOGRAPH
  if (COMPLEX_CONTEXT.test(character)) return COMPLEX
  return LETTERS.test(character) ? LETTER : OTHER
}

/**
 * Tokens of a text by the word-break rules of UAX #29, as in Lucene's StandardTokenizer: runs of letters and digits,
 * joined by what stands inside words (`can't`, `U.S.A`, `3.14`, `snake_case`), Han and Hiragana one character each;
 * only what holds a letter or digit. Tokens are cut after `maxLength` UTF-16 units. Two rules of Lucene are left out:
 * tokens for emoji, and quotation marks inside Hebrew words.
 */
export function segmentWords(text: string, maxLength = 255): string[] {
  const tokens: string[] = []
  visitWords(text, (start, end) => tokens.push(text.slice(start, end)), maxLength)
  return tokens
}

/** Calls `visit` with start and end of each token of `segmentWords`, in order. */
export function visitWords(text: string, visit: (start: number, end: number) => void, maxLength = 255): void {
  const { length } = text
  let start = 0
  while (start < length) {
    const first = text.codePointAt(start)!
    const kind = classOf(first)
    let end = start + (first > 0xffff ? 2 : 1)
    switch (kind) {
      case LETTER:
      case NUMERIC:
      case KATAKANA:
      case EXTEND_NUM_LET: {
        end = endOfWord(text, end, kind, codePointBoundary(text, start + maxLength))
        if (kind !== EXTEND_NUM_LET || hasLetterOrDigit(text.slice(start, end))) visit(start, end)
        break
      }
      case IDEOGRAPH:
        end = skipExtend(text, end)
        visit(start, Math.min(end, codePointBoundary(text, start + maxLength)))
        break
      case COMPLEX:
        end = skipExtend(text, end)
        while (end < length && end - start < maxLength && classOf(text.codePointAt(end)!) === COMPLEX)
          end = skipExtend(text, end + (text.codePointAt(end)! > 0xffff ? 2 : 1))
        end = Math.min(end, codePointBoundary(text, start + maxLength))
        visit(start, end)
        break
      default:
    }
    start = end
  }
}

/** Where the word ends whose first character is of class `first` and ends at `from`; not beyond `limit`. */
function endOfWord(text: string, from: number, first: number, limit: number): number {
  let end = from
  let previous = first
  for (;;) {
    // Letters and digits of ASCII always join, and most words have nothing else.
    while (previous !== KATAKANA && end < limit) {
      const unit = text.charCodeAt(end)
      if (!(unit < 0x80)) break
      const kind = classOf(unit)
      if (kind !== LETTER && kind !== NUMERIC) break
      previous = kind
      end++
    }
    const next = skipExtend(text, end)
    if (next >= text.length || next >= limit) return Math.min(next, limit)
    const codePoint = text.codePointAt(next)!
    let accepted = classOf(codePoint)
    let after = next + (codePoint > 0xffff ? 2 : 1)
    if (accepted === MID_NUM_LET || accepted === MID_LETTER || accepted === MID_NUM) {
      const wanted = joins(previous, accepted)
      after = skipExtend(text, after)
      if (wanted === 0 || after >= text.length) return next
      const beyond = text.codePointAt(after)!
      if (classOf(beyond) !== wanted) return next
      after += beyond > 0xffff ? 2 : 1
      accepted = wanted
    } else if (!adjoins(previous, accepted)) return next
    if (after > limit) return next
    end = after
    previous = accepted
  }
}

function hasLetterOrDigit(token: string): boolean {
  for (const character of token) {
    const kind = classOf(character.codePointAt(0)!)
    if (kind === LETTER || kind === NUMERIC || kind === KATAKANA) return true
  }
  return false
}

/** Which class a mid-word mark asks for on its right, given that on its left; 0 where it ends the word. */
function joins(previous: number, mark: number): number {
  if (previous === LETTER && mark !== MID_NUM) return LETTER
  if (previous === NUMERIC && mark !== MID_LETTER) return NUMERIC
  return 0
}

function adjoins(previous: number, next: number): boolean {
  switch (next) {
    case LETTER:
    case NUMERIC:
      return previous !== KATAKANA
    case KATAKANA:
      return previous === KATAKANA || previous === EXTEND_NUM_LET
    case EXTEND_NUM_LET:
      return true
    default:
      return false
  }
}

function skipExtend(text: string, from: number): number {
  let at = from
  while (at < text.length) {
    const codePoint = text.codePointAt(at)!
    if (classOf(codePoint) !== EXTEND) break
    at += codePoint > 0xffff ? 2 : 1
  }
  return at
}

function codePointBoundary(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at
}
