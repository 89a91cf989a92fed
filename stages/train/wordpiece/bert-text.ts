const NON_ASCII = /\P{ASCII}/gu
const CONTROLS = /[^\P{Cc}\t\n\r]/gu
const REMOVED = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/u
const WHITESPACE = /\s/u
const PUNCTUATION = /\p{P}/u

const WORD = 0
const SPACE = 1
const ALONE = 2

/** What each ASCII character is after normalisation; all that is no letter, digit or control stands alone. */
const asciiClass: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  return /[0-9A-Za-z]/.test(character) ? WORD : /[\s\p{Cc}]/u.test(character) ? SPACE : ALONE
})

const normalisedCharacters = new Map<string, string>()
const classes = new Map<number, number>()

/**
 * BERT's uncased normalisation as the `tokenizers` library does it: controls removed, white space to spaces, spaces
 * around CJK ideographs, canonical decomposition without nonspacing marks, lower case of each character by itself (a
 * final sigma stays as it is elsewhere). Characters newer than Unicode 9 may be classed differently there.
 */
function bertNormalise(text: string): string {
  return text
    .replace(CONTROLS, '')
    .replace(NON_ASCII, normaliseCharacter)
    .replace(/[\t\n\r]/g, ' ')
    .toLowerCase()
}

/** BERT's pre-tokenisation of a text that need not be normalised yet: words and single punctuation marks, in order. */
export function bertWords(text: string): string[] {
  const normalised = bertNormalise(text)
  const words: string[] = []
  let start = 0
  let i = 0
  while (i < normalised.length) {
    const code = normalised.codePointAt(i) as number
    const kind = code < 128 ? (asciiClass[code] as number) : classOf(code)
    const next = i + (code > 0xffff ? 2 : 1)
    if (kind !== WORD) {
      if (i > start) words.push(normalised.slice(start, i))
      if (kind === ALONE) words.push(normalised.slice(i, next))
      start = next
    }
    i = next
  }
  if (i > start) words.push(normalised.slice(start, i))
  return words
}

/** Whether BERT's pre-tokenisation always makes a word of this character alone: ideographs and punctuation. */
export function standsAlone(character: string): boolean {
  const code = character.codePointAt(0) as number
  return code < 128 ? asciiClass[code] === ALONE : classOf(code) === ALONE || isIdeograph(code)
}

function normaliseCharacter(character: string): string {
  const known = normalisedCharacters.get(character)
  if (known !== undefined) return known
  let out = ''
  if (!REMOVED.test(character)) {
    if (WHITESPACE.test(character)) out = ' '
    else {
      const code = character.codePointAt(0) as number
      const stripped = character.normalize('NFD').replace(/\p{Mn}/gu, '')
      const lower = Array.from(stripped, (part) => part.toLowerCase()).join('')
      out = isIdeograph(code) ? ` ${lower} ` : lower
    }
  }
  normalisedCharacters.set(character, out)
  return out
}

function classOf(code: number): number {
  const known = classes.get(code)
  if (known !== undefined) return known
  const character = String.fromCodePoint(code)
  const kind = PUNCTUATION.test(character) ? ALONE : WHITESPACE.test(character) ? SPACE : WORD
  classes.set(code, kind)
  return kind
}

// The blocks that `tokenizers` names, 0x2b920 included (the block itself starts at 0x2b820).
function isIdeograph(code: number): boolean {
  return (
    (code >= 0x4e00 && code <= 0x9fff) ||
    (code >= 0x3400 && code <= 0x4dbf) ||
    (code >= 0x20000 && code <= 0x2a6df) ||
    (code >= 0x2a700 && code <= 0x2b73f) ||
    (code >= 0x2b740 && code <= 0x2b81f) ||
    (code >= 0x2b920 && code <= 0x2ceaf) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0x2f800 && code <= 0x2fa1f)
  )
}
