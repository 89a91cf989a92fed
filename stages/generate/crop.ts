import { draw } from './draw.ts'

/**
 * A span of the passage's text, its length and place drawn by seed, text and sample; the whole text where it is
 * shorter. Undefined for a text without words. Augmentation by cropping: Izacard et al. 2022 (Contriever).
 */
export function crop(
  text: string,
  sample: number,
  seed: number,
  bounds: { min_words: number; max_words: number },
): string | undefined {
  const words = text
    .toWellFormed()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (words.length === 0) return undefined
  const row = [seed, words.join(' '), sample] as const
  const wanted = bounds.min_words + (draw('crop length', ...row) % (bounds.max_words - bounds.min_words + 1))
  const length = Math.min(wanted, words.length)
  const start = draw('crop start', ...row) % (words.length - length + 1)
  return words.slice(start, start + length).join(' ')
}
