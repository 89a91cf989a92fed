import { blocksOf } from './blocks.ts'

/** Paragraphs that a document shows as output and that are not in what was printed: numbers aside, and where sentences are wrapped. */
export function notPrinted(shown: string, printed: string): string[] {
  const whole = shapeOf(printed)
  return shown
    .split(/\n{2,}/)
    .map((paragraph) => shapeOf(paragraph))
    .filter((paragraph) => !whole.includes(paragraph))
}

/** The block of output in a document that begins so. */
export function outputBlock(document: string, beginning: string): string {
  const found = blocksOf(document).filter(({ language, text }) => language === '' && text.startsWith(beginning))
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${document} begin with ${beginning}`)
  return found[0]!.text
}

function shapeOf(text: string): string {
  return text
    .replace(/[-+]?\d(?:[\d.,]*\d)?/g, 'N')
    .replace(/< N/g, 'N')
    .replace(/\s+/g, ' ')
    .trim()
}
