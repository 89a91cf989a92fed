import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { documents, documentText } from './blocks.ts'

const all = [...documents(), 'CHANGELOG.md', 'test/bench/README.md']

/** Links of a document that stay in the repository, with the heading that they lead to. */
function linksOf(document: string): { path: string; heading: string | undefined; written: string }[] {
  const text = documentText(document).replace(/^```[\s\S]*?^```/gm, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, written = '']) => {
    if (/^[a-z]+:/.test(written)) return []
    const [path = '', heading] = written.split('#')
    return [{ path: path === '' ? document : join(dirname(document), path), heading, written }]
  })
}

/** As GitHub names headings in addresses. */
function headingsOf(document: string): string[] {
  return [...documentText(document).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.each(all)('links of %s lead somewhere', (document) => {
  const lost = linksOf(document).filter(
    ({ path, heading }) =>
      !existsSync(join(packageRoot, path)) ||
      (heading !== undefined && path.endsWith('.md') && !headingsOf(path).includes(heading)),
  )
  expect(lost.map(({ written }) => written)).toEqual([])
})

test('every page of docs/ is listed in docs/README.md', () => {
  const listed = new Set(linksOf('docs/README.md').map(({ path }) => path))
  const pages = documents().filter((path) => path.startsWith('docs/') && !path.startsWith('docs/decisions/'))
  expect(pages.filter((path) => path !== 'docs/README.md' && !listed.has(path))).toEqual([])
})
