import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { type Block, blocksOf, documents } from './blocks.ts'
import { parseCall } from './command-tree.ts'
import { shellWords } from './shell-words.ts'

const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
const blocks = documents()
  .filter((document) => document !== 'docs/cli.md')
  .flatMap(blocksOf)

/** Calls of queryloom in a block of what it prints: parsed, so that no option in it is made up. */
function callsIn({ text }: Block): string[][] {
  return text.split('\n').flatMap((line) => {
    const call = /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npx )?queryloom (.*)$/.exec(line.trim())
    return call ? [shellWords(call[1] as string)] : []
  })
}

test('blocks for a shell are marked as such, so that test/e2e/documents.test.ts executes them', () => {
  const shell = blocks.filter(({ language }) => /^(sh|bash|shell|console)$/.test(language))
  expect(shell.filter(({ language, note }) => language !== 'sh' || note !== '')).toEqual([])
  expect(shell.length).toBeGreaterThanOrEqual(30)
  const others = blocks.filter(({ language }) => language !== 'sh' && language !== '')
  expect(others.filter(({ text }) => /^(?:npx )?queryloom \w/m.test(text))).toEqual([])
})

test.each(blocks.filter(({ language }) => language === ''))('calls at $place parse', async (block) => {
  for (const words of callsIn(block)) await expect(parseCall(words), words.join(' ')).resolves.toBeUndefined()
})

test('every npm script that a document names is there', () => {
  const named = blocks.flatMap(({ text }) =>
    [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map((match) => match[1]),
  )
  expect(named).toContain('quickstart')
  for (const name of named) expect(Object.keys(scripts)).toContain(name)
})
