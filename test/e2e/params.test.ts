import { expect, test } from 'vitest'
import { Project } from '../rig/project.ts'

const FILES = {
  'pipeline.yaml': `version: 1
include: [parts/makers.yaml]
params:
  word: one
  source: \${stages.first.out}
stages:
  last:
    uses: command
    with:
      run: 'cat in > out.txt; echo \${params.line} >> out.txt'
      inputs: { in: "\${params.source}" }
      outputs: { out: { path: out.txt } }
sweep:
  axes:
    source: { a: "\${stages.first.out}", b: "\${stages.second.out}" }
`,
  'parts/makers.yaml': `params:
  line: the \${params.word}
stages:
  first: { uses: command, with: { run: echo first > o, outputs: { out: { path: o } } } }
  second: { uses: command, with: { run: 'cat in > o', inputs: { in: second.txt }, outputs: { out: { path: o } } } }
`,
  'parts/second.txt': 'second, from a file beside\n',
  'given/word.yaml': 'word: two\nsource: b\n',
}

test('a pipeline in several files runs with outputs as values of an axis, and the way a value came is in no key', async () => {
  const project = new Project(FILES)
  const all = await project.run('pipeline.yaml')
  expect(all.executed.sort()).toEqual(['first', 'last[source=a]', 'last[source=b]', 'second'])
  const given = await project.run('pipeline.yaml', '--params', 'given/word.yaml')
  expect(given.executed).toEqual(['last'])
  const again = await project.run('pipeline.yaml', '-p', 'word=two', '-p', 'source=${stages.second.out}')
  expect(again.executed).toEqual([])
  const overruled = await project.run('pipeline.yaml', '--params', 'given/word.yaml', '-p', 'word=one')
  expect(overruled.executed).toEqual([])
})

test('every command takes params files, and tells of their mistakes where they are', async () => {
  const project = new Project({ ...FILES, 'given/bad.yaml': 'wrd: two\n' })
  for (const command of ['validate', 'plan', 'status', 'metrics', 'run']) {
    const { status, stderr } = await project.call(command, 'pipeline.yaml', '--params', 'given/bad.yaml')
    expect({ status, stderr }).toMatchObject({ status: 2 })
    expect(stderr).toMatch(/^given\/bad\.yaml:1:1 {2}error.*\n +1 \| wrd: two\n.*\n {2}Did you mean `word`\?$/m)
  }
})
