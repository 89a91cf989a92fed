import { spawn } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const csv =
  'sku,name,description\na1,Hat,"A hat for rainy days that keeps you dry"\na2,Scarf,"A long scarf, knitted from wool"\n'

test.each<[string, { [path: string]: string }, string[], RegExp]>([
  [
    'a BEIR folder with judgements',
    smallProject(''),
    ['data', '--yes'],
    /baselines: \[bm25, untrained, crop, labelled\]/,
  ],
  [
    'a folder of texts',
    { 'texts/one.md': '# One\nof hats\n', 'texts/two.txt': 'of scarves\n' },
    ['texts', '--yes'],
    /dev: \{ fraction: 0\.1 \}/,
  ],
  [
    'a table with columns of its own',
    { 'items.csv': csv },
    ['items.csv', '--yes'],
    /columns: \{ id: sku, text: description, title: name \}/,
  ],
  [
    'JSON Lines',
    { 'c.jsonl': '{"_id":"a","text":"of hats"}\n' },
    ['--from', 'c.jsonl', '--yes'],
    /source: c\.jsonl \}/,
  ],
  ['a collection that BEIR publishes', {}, ['--from', 'beir:scifact'], /source: beir:scifact \}[\s\S]*decontaminate/],
])(
  'init writes a valid pipeline without warnings for %s, and never over anything',
  async (_, files, words, expected) => {
    const { 'pipeline.yaml': _pipeline, ...kept } = files
    const project = new Project(kept)
    const { status, stderr } = await project.call('init', ...words, '-o', 'first.yaml')
    expect(status, stderr).toBe(0)
    const text = readFileSync(join(project.folder, 'first.yaml'), 'utf8')
    expect(text).toMatch(expected)
    expect(await project.json('validate', 'first.yaml')).toEqual({ valid: true, diagnostics: [], absent: [] })
    project.write('first.yaml', 'mine\n')
    const again = await project.call('init', ...words, '-o', 'first.yaml')
    expect(again.status).toBe(2)
    expect(again.stderr).toContain('first.yaml is there already')
    expect(readFileSync(join(project.folder, 'first.yaml'), 'utf8')).toBe('mine\n')
  },
)

test('init asks nobody where nobody is, and says what it can not read', async () => {
  const project = new Project({ 'odd.csv': 'a,b\n1,2\n1,2\n' })
  expect(await project.call('init', 'odd.csv')).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') })
  const odd = await project.call('init', 'odd.csv', '--yes')
  expect(odd.status).toBe(2)
  expect(odd.stderr).toContain('odd.csv')
  const gone = await project.call('init', 'gone', '--yes')
  expect(gone).toMatchObject({ status: 2, stderr: expect.stringContaining('odd.csv') })
  expect(existsSync(join(project.folder, 'odd.yaml'))).toBe(false)
})

test('on a terminal, init asks for passages, model and columns, and takes what is proposed', async () => {
  const project = new Project({ 'items.csv': csv })
  const main = join(packageRoot, 'dist/engine/cli/main.js')
  // A terminal of util-linux.
  const child = spawn('script', ['-qec', `"${process.execPath}" "${main}" init items.csv`, '/dev/null'], {
    cwd: project.folder,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  const answers: [RegExp, string][] = [
    [/Which \[1\]: $/, '2'],
    [/address \[.*\]: $/, 'http://127.0.0.1:9/v1'],
    [/Name of the model there: $/, 'some-model'],
    [/none\) \[-\]: $/, 'MY_KEY'],
    [/Column with the id \[sku\]: $/, ''],
    [/Column with the text \[description\]: $/, 'nothing'],
    [/no such column\.\s+Column with the text \[description\]: $/, 'name'],
    [/at first \[2\]: $/, '1'],
  ]
  const status = await new Promise((resolve) => {
    child.on('error', () => resolve('no script'))
    child.on('close', resolve)
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
      text = (text + part).replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
      while (answers.length > 0 && (answers[0] as [RegExp, string])[0].test(text)) {
        child.stdin.write(`${(answers.shift() as [RegExp, string])[1]}\n`)
        text += '\n'
      }
    })
  })
  if (status === 'no script') return console.log('script(1) is not here: questions are not tried')
  expect(status, text).toBe(0)
  const written = readFileSync(join(project.folder, 'items.yaml'), 'utf8')
  expect(written).toContain('columns: { id: sku, text: name, title: name }')
  expect(written).toContain('api_key_env: MY_KEY')
  expect(written).toContain('passages: 1 ')
  expect(await project.json('validate', 'items.yaml')).toMatchObject({ valid: true })
})

/** A PATH with Node and nothing else. */
function nodeAlone(): string {
  const folder = temporaryFolder()
  symlinkSync(process.execPath, join(folder, 'node'))
  return folder
}

test('doctor tells what is there, what a pipeline can not reach and how to mend it, and spends nothing', async () => {
  const server = await fakeOpenai(writtenBy)
  const project = new Project(smallProject(server.url), {
    QUERYLOOM_TEST_KEY: '',
    // Nothing of what this machine may have.
    PATH: nodeAlone(),
  })
  const well = await project.json<{
    ok: boolean
    findings: { name: string; status: string; message: string; advice?: string }[]
  }>('doctor', 'pipeline.yaml')
  expect(well.ok).toBe(true)
  const names = well.findings.map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining([
      'Node',
      'machine',
      'graphics cards',
      'Slurm',
      'store',
      'reflinks',
      'tools',
      'model writer',
    ]),
  )
  expect(names).toContain('Python')
  expect(well.findings.find(({ name }) => name === 'Python')?.status).toBe('warning')
  for (const { status, advice } of well.findings) if (status !== 'ok') expect(advice).toBeTypeOf('string')
  expect(existsSync(join(project.folder, '.queryloom'))).toBe(false)
  expect(server.requests).toEqual([])

  project.write(
    'keyed.yaml',
    smallPipeline(server.url).replace('model: test-model', 'model: test-model, api_key_env: QUERYLOOM_TEST_KEY'),
  )
  const keyed = await project.call('doctor', 'keyed.yaml')
  expect(keyed.status).toBe(1)
  expect(keyed.stdout).toMatch(
    /error +model writer +its key is looked for in QUERYLOOM_TEST_KEY, which is not set\n +Set it/,
  )
  await server.die()
  project.write('queryloom.yaml', 'remotes: { lab: { folder: gone } }\n')
  project.write(
    'cards.yaml',
    smallPipeline(server.url).replace(
      'uses: train',
      'uses: train\n    executor: slurm\n    resources: { memory: 900TB }',
    ),
  )
  const ill = await project.json<{ ok: boolean; findings: { name: string; status: string; message: string }[] }>(
    'doctor',
    'cards.yaml',
  )
  const errors = ill.findings.filter(({ status }) => status === 'error')
  expect(errors.map(({ name }) => name).sort()).toEqual(['Slurm', 'model writer', 'remote lab', 'resources'])
  expect(errors.find(({ name }) => name === 'resources')?.message).toMatch(/^cards\.yaml:\d+:\d+ /)
  expect(await project.call('doctor', 'gone.yaml')).toMatchObject({ status: 2, stdout: '' })
})
