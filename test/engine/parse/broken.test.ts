import { cpSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { printDiagnostics } from '../../../engine/parse/code-frame.ts'
import { loadGraph } from '../../../engine/plan/load-graph.ts'
import { fakeRegistry } from './fake-registry.ts'
import { Project } from './project.ts'

const folder = path.join(import.meta.dirname, 'broken')
const names = readdirSync(folder).filter((name) => name.endsWith('.pipeline'))

test.each(names)('%s: all its problems are printed at once, each where it is', async (name) => {
  const project = new Project()
  cpSync(folder, project.folder, { recursive: true })
  const { graph, diagnostics } = loadGraph(project.path(name), { registry: fakeRegistry })
  expect(graph).toBeUndefined()
  const printed = printDiagnostics(diagnostics, (file) => readFileSync(file, 'utf8'), { folder: project.folder })
  const text = printed.replaceAll(project.folder, '<project>')
  await expect(text).toMatchFileSnapshot(path.join(folder, name.replace('.pipeline', '.txt')))
})
