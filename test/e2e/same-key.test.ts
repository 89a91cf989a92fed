import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Project } from '../rig/project.ts'

const stage = (name: string, run: string): string =>
  `  ${name}: { uses: command, with: { run: "${run}", inputs: { in: in.txt }, outputs: { out: out.txt } } }\n`

function pipeline(run: string): { [path: string]: string } {
  const names = ['one', 'two', 'three', 'four']
  return {
    'in.txt': 'text\n',
    'p.yaml': `version: 1\nname: same\nstages:\n${names.map((name) => stage(name, run)).join('')}`,
  }
}

test('nodes with one key are one piece of work', async () => {
  const project = new Project(pipeline('cat in > out.txt; sleep 0.2'))
  const run = await project.run('p.yaml', '-j', '4')
  expect(run.finished).toMatchObject({ nodes: { executed: 1, cached: 3 }, children: 1 })
  expect(readFileSync(join(project.folder, 'out/p/four/out/out.txt'), 'utf8')).toBe('text\n')
})

test('a failing one fails each of its nodes, one after another', async () => {
  const project = new Project(pipeline('sleep 0.1; exit 1'))
  const run = await project.run('p.yaml', '-j', '4')
  expect(run.status).toBe(1)
  expect(run.finished).toMatchObject({ nodes: { executed: 0, failed: 4 }, children: 4 })
})
