import { readFileSync } from 'node:fs'
import path from 'node:path'
import { DATA } from '../eval/collections.ts'

/** Spans of the first abstracts of Cranfield, each with its abstract. */
export function cranfieldSpans(count: number): { anchor: string; positive: string; source: string }[] {
  return readFileSync(path.join(DATA, 'cranfield', 'corpus.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { title: string; text: string })
    .filter(({ text }) => text !== '')
    .slice(0, count)
    .map(({ title, text }, i) => {
      const words = text.split(/\s+/)
      const from = (7 * i) % Math.max(1, words.length - 8)
      return { anchor: words.slice(from, from + 8).join(' '), positive: `${title} ${text}`.trim(), source: 'synthetic' }
    })
}
