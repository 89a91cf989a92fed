import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { printDiagnostics } from '../../../engine/parse/code-frame.ts'
import type { Diagnostic } from '../../../engine/parse/diagnostic.ts'
import { COMMAND_LINE } from '../../../engine/parse/diagnostics.ts'
import { loadGraph } from '../../../engine/plan/load-graph.ts'
import { registry } from '../../../stages/registry.ts'
import { fakeRegistry } from './fake-registry.ts'

const folder = path.join(import.meta.dirname, 'broken')
const names = readdirSync(folder).filter((name) => name.endsWith('.pipeline'))

// One copy outside of any project, so that no file around it matters.
const project = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'queryloom-')))
cpSync(folder, project, { recursive: true })
mkdirSync(path.join(project, '.queryloom'))
afterAll(() => rmSync(project, { recursive: true, force: true }))

/** Loads one of the files as its first line says: `# -p NAME=VALUE`, `# --params FILE`, `# the real stages`. */
function load(name: string): ReturnType<typeof loadGraph> {
  const [first = ''] = readFileSync(path.join(project, name), 'latin1').split('\n', 1)
  const [, option, argument = ''] = /^# (-p|--params|--only) (.*)$/.exec(first) ?? []
  const [axis = '', value = ''] = argument.split('=')
  return loadGraph(path.join(project, name), {
    registry: first === '# the real stages' ? registry : fakeRegistry,
    paramsFolder: project,
    ...(option === '-p' ? { params: { [axis]: value } } : {}),
    ...(option === '--params' ? { paramsFiles: [argument] } : {}),
    ...(option === '--only' ? { only: { [axis]: [value] } } : {}),
  })
}

function printed(diagnostics: readonly Diagnostic[]): string {
  const text = printDiagnostics(diagnostics, (file) => readFileSync(file, 'utf8'), { folder: project })
  return text.replaceAll(project, '<project>')
}

test.each(names)('%s: all its problems are printed at once, each where it is', async (name) => {
  const { graph, diagnostics } = load(name)
  expect(graph).toBeUndefined()
  await expect(printed(diagnostics)).toMatchFileSnapshot(path.join(folder, name.replace('.pipeline', '.txt')))
})

describe('the mistakes above', () => {
  const mistakes = names.flatMap((name) => load(name).diagnostics.filter(({ severity }) => severity === 'error'))

  test('are sixty or more that differ in more than names and numbers, and so are the files', () => {
    const kind = ({ code, message }: Diagnostic): string =>
      `${code} ${message.replace(/`[^`]*`|"[^"]*"|\S*\/\S*|\d+(\.\d+)?/g, '…')}`
    expect(new Set(mistakes.map(kind)).size).toBeGreaterThanOrEqual(60)
    const first = names.map((name) => load(name).diagnostics.find(({ severity }) => severity === 'error')!)
    expect(new Set(first.map(kind)).size).toBeGreaterThanOrEqual(60)
  })

  test('have a place in a file with its line shown, or are about the command line', () => {
    for (const mistake of mistakes) {
      const { file, line, column, length } = mistake
      const text = printed([mistake])
      if (file === COMMAND_LINE) {
        expect(text).toMatch(/^command line {2}error {2}.*(given with --?\w+|value of param)/)
        continue
      }
      const shown = readFileSync(file, 'utf8')
        .replace(/^\uFEFF/, '')
        .split(/\r?\n/)[line - 1]
      expect(shown, text).toBeDefined()
      expect(column, text).toBeLessThanOrEqual(shown!.length + 1)
      expect(length, text).toBeGreaterThanOrEqual(1)
      // Of a file that is no text, there is no line to show.
      if (!shown!.includes('\0')) expect(text).toMatch(/^ *\d+ \| .*\n *\| .*\^$/m)
    }
  })

  test('tell what to do: what was meant, what is expected, or an advice', () => {
    const silent = mistakes.filter(({ suggestion, advice, message }) => {
      return suggestion === undefined && advice === undefined && !/ must be | needs | takes /.test(message)
    })
    expect(silent.map((mistake) => printed([mistake]))).toEqual([])
  })
})
