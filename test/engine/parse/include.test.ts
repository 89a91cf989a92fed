import { createHash } from 'node:crypto'
import { symlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LoadOptions } from '../../../engine/parse/load.ts'
import { type LoadedGraph, loadGraph } from '../../../engine/plan/load-graph.ts'
import type { InputRef } from '../../../engine/plan/node.ts'
import { fakeRegistry } from './fake-registry.ts'
import { Project } from './project.ts'

const STAGE = 'uses: command, with: { run: "${params.a}" }'

function load(
  files: { readonly [name: string]: string },
  options: Partial<LoadOptions> = {},
): LoadedGraph & { project: Project } {
  const project = new Project(files)
  return { project, ...loadGraph(project.path('main.yaml'), { registry: fakeRegistry, ...options }) }
}

/** Problems with every place that they name. */
function places({ diagnostics, project }: ReturnType<typeof load>): string[][] {
  const short = (text: string) => text.replaceAll(`${project.folder}/`, '')
  return diagnostics.map(({ file, line, column, message, related }) => [
    `${short(file)}:${line}:${column} ${short(message)}`,
    ...(related ?? []).map((other) => `${short(other.file)}:${other.line}:${other.column} ${short(other.message)}`),
  ])
}

describe('an included file', () => {
  test('adds to params, datasets, models and stages, and may include further files; each is read once', () => {
    const loaded = load({
      'main.yaml': `version: 1\ninclude: [parts/one.yaml, parts/two.yaml]\nstages:\n  last: { ${STAGE} }\n`,
      'parts/one.yaml': 'include: [common.yaml]\ndatasets: { d: { source: data } }\n',
      'parts/two.yaml':
        'version: 1\ndescription: more\ninclude: [common.yaml, ./one.yaml]\nmodels: { m: { endpoint: "http://h/v1" } }\n' +
        'stages: { first: { uses: sample, with: { dataset: "${datasets.d}" } } }\n',
      'parts/common.yaml': 'params: { a: x }\n',
    })
    expect(places(loaded)).toEqual([])
    expect([...loaded.graph!.nodes.keys()].sort()).toEqual(['first', 'last'])
    expect(Object.keys(loaded.pipeline!.models)).toEqual(['m'])
  })

  test('has its paths relative to itself, of prompts, files and datasets', () => {
    const { project, graph, diagnostics } = load({
      'main.yaml': 'version: 1\ninclude: [parts/one.yaml]\nparams: { file: in.txt, where: data }\nstages: {}\n',
      'in.txt': '',
      'parts/in.txt': '',
      'parts/one.yaml':
        'datasets: { d: { source: data }, e: { source: "${params.where}" } }\n' +
        'stages:\n  s: { uses: command, with: { run: x, inputs: { own: in.txt, theirs: "${params.file}" } } }\n' +
        '  d: { uses: sample, with: { dataset: "${datasets.d}" } }\n  e: { uses: sample, with: { dataset: "${datasets.e}" } }\n',
    })
    expect(diagnostics).toEqual([])
    const input = (node: string, name: string): InputRef | undefined =>
      graph?.nodes.get(node as never)?.inputs.get(name)
    expect(input('s', 'inputs/own')).toMatchObject({ path: project.path('parts/in.txt') })
    expect(input('s', 'inputs/theirs')).toMatchObject({ path: project.path('in.txt') })
    expect(input('d', 'dataset')).toMatchObject({ parts: { corpus: project.path('parts/data/corpus.jsonl') } })
    expect(input('e', 'dataset')).toMatchObject({ parts: { corpus: project.path('data/corpus.jsonl') } })
  })

  test('has its mistakes told at their places in it', () => {
    const loaded = load({
      'main.yaml': 'version: 1\ninclude: [parts/one.yaml]\nparams: { a: 1 }\nstages: {}\n',
      'parts/one.yaml':
        'sweep: {}\nstages:\n  s: { uses: command, with: { run: "${params.b}" } }\n  t: { uses: command, with: { run: "${params.a}" } }\n',
    })
    expect(places(loaded)).toEqual([
      ['parts/one.yaml:1:1 unknown key `sweep`'],
      ['parts/one.yaml:3:37 there is no param `b`'],
      ['parts/one.yaml:4:37 `run` must be a text, but is 1 (from `${params.a}`)', 'main.yaml:3:14 `a` is set here'],
    ])
    expect(loaded.diagnostics[0]?.advice).toBe('`sweep` can only stand in the pipeline file itself.')
  })

  test('may not define a name again: both places are named', () => {
    const loaded = load({
      'main.yaml': `version: 1\ninclude: [one.yaml, two.yaml]\nparams: { a: x }\nstages: { s: { ${STAGE} } }\n`,
      'one.yaml': 'params:\n  a: y\n',
      'two.yaml': `stages:\n  s: { ${STAGE} }\n`,
    })
    expect(places(loaded)).toEqual([
      ['main.yaml:3:11 `a` is defined twice in `params`, by two files', 'one.yaml:2:3 the other one is here'],
      ['main.yaml:4:11 `s` is defined twice in `stages`, by two files', 'two.yaml:2:3 the other one is here'],
    ])
  })

  test('that is not there, no file, or not to be read as YAML is reported', () => {
    const loaded = load({
      'main.yaml': `version: 1\ninclude: [none.yaml, parts, bad.yaml, "\${params.a}", 3, ""]\nparams: { a: x }\nstages: { s: { ${STAGE} } }\n`,
      'bad.yaml': 'params: {\n',
      'parts/x': '',
    })
    expect(places(loaded)).toEqual([
      ['main.yaml:2:11 there is no file none.yaml'],
      ['main.yaml:2:22 parts: this is a folder, not a pipeline file'],
      ['main.yaml:2:39 a reference can not stand in `include`'],
      ['main.yaml:2:54 `include[4]` must be a text, but is 3'],
      ['main.yaml:2:57 `include[5]` must be a text that is not empty, but is ""'],
      ['bad.yaml:1:9 this `{` is not closed'],
    ])
  })

  test('that leads to itself again is an error that names the way round', () => {
    const loaded = load({
      'main.yaml': `version: 1\ninclude: [one.yaml]\nparams: { a: x }\nstages: { s: { ${STAGE} } }\n`,
      'one.yaml': 'include: [two.yaml, one.yaml]\n',
      'two.yaml': 'include:\n  - main.yaml\n',
    })
    expect(places(loaded)).toEqual([
      ['one.yaml:1:21 one.yaml includes itself'],
      [
        'two.yaml:2:5 files include each other in a circle: main.yaml -> one.yaml -> two.yaml -> main.yaml',
        'main.yaml:2:11 one.yaml is included here',
        'one.yaml:1:11 two.yaml is included here',
      ],
    ])
  })

  test('may not lie outside of the project, unless its path is absolute', () => {
    const other = new Project({
      'one.yaml': 'include: [two.yaml, ../three.yaml]\nparams: { a: x }\n',
      'two.yaml': 'models: { m: {} }\n',
    })
    const text = (path: string) => `version: 1\ninclude: [${path}]\nparams: {}\nstages: { s: { ${STAGE} } }\n`
    const [loaded] = [load({ 'main.yaml': text(other.path('one.yaml')) })]
    expect(loaded.pipeline?.models).toHaveProperty('m')
    expect(places(loaded).flat().join()).toMatch(/one.yaml:1:21 `..\/three.yaml` leads out of the project folder/)
    expect(
      places(load({ 'main.yaml': text('../x.yaml') }))
        .flat()
        .join(),
    ).toMatch(/main.yaml:2:11 `..\/x.yaml` leads out/)
  })

  test('is the same file under two names', () => {
    const project = new Project({
      'main.yaml': `version: 1\ninclude: [one.yaml, same.yaml]\nstages: { s: { ${STAGE} } }\n`,
      'one.yaml': 'params: { a: x }\n',
    })
    symlinkSync('one.yaml', project.path('same.yaml'))
    expect(loadGraph(project.path('main.yaml'), { registry: fakeRegistry }).diagnostics).toEqual([])
  })

  test('is one of a hundred at most, and they share one limit of values', () => {
    const many = Object.fromEntries(Array.from({ length: 102 }, (_, i) => [`i${i}.yaml`, 'params: {}\n']))
    const main = `version: 1\ninclude: [${Object.keys(many).join(', ')}]\nparams: { a: x }\nstages: { s: { ${STAGE} } }\n`
    expect(
      places(load({ 'main.yaml': main, ...many }))
        .flat()
        .join(),
    ).toMatch(/more than 100 files/)
    const bomb = `params:\n  x: &x [${Array(500).fill('1').join()}]\n`
    const files = Object.fromEntries(
      Array.from({ length: 4 }, (_, i) => {
        const name = `b${i}`
        return [`${name}.yaml`, `${bomb.replace('x: &x', `${name}: &x`)}  y${i}: [${Array(400).fill('*x').join()}]\n`]
      }),
    )
    const bombs = `version: 1\ninclude: [${Object.keys(files).join(', ')}]\nparams: { a: x }\nstages: { s: { ${STAGE} } }\n`
    expect(
      places(load({ 'main.yaml': bombs, ...files }))
        .flat()
        .join(),
    ).toMatch(/more than 500000 values/)
  })

  test('may hold all stages there are, but somebody must', () => {
    const part = `params: { a: x }\nstages: { s: { ${STAGE} } }\n`
    expect(places(load({ 'main.yaml': 'version: 1\ninclude: [one.yaml]\n', 'one.yaml': part }))).toEqual([])
    expect(places(load({ 'main.yaml': 'version: 1\ninclude: [one.yaml]\n', 'one.yaml': 'params: {}\n' }))).toEqual([
      ['main.yaml:1:1 `stages` is missing'],
    ])
  })
})

describe('a params file', () => {
  const MAIN = {
    'main.yaml':
      'version: 1\nparams: { a: x, n: 1, p: none }\nmodels: { m: { endpoint: h } }\n' +
      'stages: { s: { uses: command, with: { run: "${params.a} ${params.n}" } } }\nsweep: { axes: { n: { one: 1, two: 2 } } }\n',
  }
  const run = ({ graph }: LoadedGraph) =>
    [...graph!.nodes.values()].map(({ id, options }) => `${id}: ${(options as { run: string }).run}`)

  test('sets params; a later file wins, and -p wins over all', () => {
    const files = { ...MAIN, 'one.yaml': 'a: y\nn: 3\n', 'two.yaml': 'a: z\n' }
    const given = (paramsFiles: string[], params = {}) => {
      const project = new Project(files)
      const options = { registry: fakeRegistry, paramsFolder: project.folder, paramsFiles, params }
      return run(loadGraph(project.path('main.yaml'), options))
    }
    expect(given([])).toEqual(['s[n=one]: x 1', 's[n=two]: x 2'])
    expect(given(['one.yaml'])).toEqual(['s: y 3'])
    expect(given(['one.yaml', 'two.yaml'])).toEqual(['s: z 3'])
    expect(given(['two.yaml', 'one.yaml'])).toEqual(['s: y 3'])
    expect(given(['one.yaml', 'two.yaml'], { a: 'w', n: 'two' })).toEqual(['s: w 2'])
  })

  test('chooses a value of an axis by its label, and may refer to params and inputs', () => {
    const project = new Project({ ...MAIN, 'in/p.yaml': 'n: two\na: "${params.p} of ${params.n}"\n' })
    const options = { registry: fakeRegistry, paramsFolder: project.folder, paramsFiles: ['in/p.yaml'] }
    expect(run(loadGraph(project.path('main.yaml'), options))).toEqual(['s: none of 2 2'])
  })

  test('has its paths relative to itself', () => {
    const project = new Project({
      'main.yaml':
        'version: 1\nparams: { p: none }\nstages: { s: { uses: command, with: { run: x, inputs: { i: "${params.p}" } } } }\n',
      'in/p.yaml': 'p: a.txt\n',
      'in/a.txt': '',
    })
    const options = { registry: fakeRegistry, paramsFiles: [project.path('in/p.yaml')] }
    const { graph } = loadGraph(project.path('main.yaml'), options)
    expect(graph?.nodes.get('s' as never)?.inputs.get('inputs/i')).toMatchObject({ path: project.path('in/a.txt') })
  })

  test('has its mistakes told at their places in it, also where another value wins', () => {
    const project = new Project({
      ...MAIN,
      'p.yaml': 'a: ["${models.mm}", "${models.m}"]\nm: 3\nnn: 4\nn: 1\nn: 2\n',
      'list.yaml': '- a\n',
      'broken.yaml': 'a: [\n',
    })
    const options = {
      registry: fakeRegistry,
      paramsFolder: project.folder,
      paramsFiles: ['p.yaml', 'list.yaml', 'broken.yaml', 'none.yaml', '.queryloom'],
      params: { a: 'w' },
    }
    const loaded = { project, ...loadGraph(project.path('main.yaml'), options) }
    expect(places(loaded)).toEqual([
      ['command line:1:1 .queryloom: this is a folder, not a pipeline file (given with --params)'],
      ['command line:1:1 there is no file none.yaml (given with --params)'],
      ['broken.yaml:1:4 this `[` is not closed'],
      ['list.yaml:1:1 this must be a map'],
      ['p.yaml:1:6 there is no model `mm`'],
      ['p.yaml:2:1 the pipeline has no param `m` (in a params file)'],
      ['p.yaml:3:1 the pipeline has no param `nn` (in a params file)'],
      ['p.yaml:5:1 `n` stands here twice'],
    ])
    const wrong = loadGraph(project.path('main.yaml'), { ...options, paramsFiles: ['p.yaml'], params: {} })
    expect(places({ project, ...wrong })).toContainEqual([
      "main.yaml:4:45 `${params.a}` is a list, which can't stand inside a text",
    ])
  })
})

test('a pipeline lists every file that was read for it, with its digest', () => {
  const files = {
    'main.yaml': `version: 1\ninclude: [one.yaml]\nstages: { s: { ${STAGE} } }\n`,
    'one.yaml': '\uFEFFparams: { a: x }\n',
    'p.yaml': 'a: y\n',
  }
  const project = new Project(files)
  const options = { registry: fakeRegistry, paramsFiles: [project.path('p.yaml')] }
  const { pipeline } = loadGraph(project.path('main.yaml'), options)
  expect(pipeline?.sources).toEqual(
    Object.entries(files).map(([name, text]) => ({
      file: project.path(name),
      digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
    })),
  )
})
