import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { packageRoot } from '../../engine/util/package-root.ts'

/** A fenced block of a document. */
export interface Block {
  /** The document and the line of the fence. */
  place: string
  document: string
  language: string
  /** What stands behind the language. */
  note: string
  text: string
}

/** Documents that people read: the README first, then guides, then all others. */
export function documents(): string[] {
  const found = readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`)
    .sort()
  const guides = found.filter((path) => path.startsWith('docs/guides/'))
  return ['README.md', 'CONTRIBUTING.md', ...guides, ...found.filter((path) => !guides.includes(path))]
}

/** Text of a document. */
export function documentText(document: string): string {
  return readFileSync(join(packageRoot, document), 'utf8')
}

/** All blocks of a document, in order. */
export function blocksOf(document: string): Block[] {
  const text = documentText(document)
  return [...text.matchAll(/^( *)```([a-z]*)[ \t]*([^\n]*)\n([\s\S]*?)^ *```[ \t]*$/gm)].map((match) => {
    const [, indent = '', language = '', note = '', body = ''] = match
    const line = text.slice(0, match.index).split('\n').length
    return {
      place: `${relative('.', document)}:${line}`,
      document,
      language,
      note: note.trim(),
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }
  })
}
