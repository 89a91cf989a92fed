/** How likely a text is of a language (ISO 639-1), between 0 and 1; only comparable within one text. */
interface LanguageScore {
  language: string
  score: number
}

/** Languages that a text may be in, likeliest first; none where it has no letters to go by. */
export type LanguageDetector = (text: string) => readonly LanguageScore[]

/** Languages that can be told apart (ISO 639-1). */
export const LANGUAGES: readonly string[] = (
  'am ar az be bg bn ca cs da de el en es et eu fa fi fr gu he hi hr hu hy is it ja ka kn ko ku lo lt lv ml mr ms nl no ' +
  'or pa pl pt ro ru sk sl sq sr sv ta te th tl tr uk ur vi yo zh'
).split(' ')

/**
 * A detector by byte n-grams (eld, its small table: 60 languages, 1.6 MB, nothing is downloaded), made for texts as short
 * as queries.
 */
export async function loadLanguages(): Promise<LanguageDetector> {
  const { eld } = await import('eld/small')
  return (text) =>
    Object.entries(eld.detect(text).getScores())
      .map(([language, score]) => ({ language, score }))
      .sort((a, b) => b.score - a.score || (a.language < b.language ? -1 : 1))
}
