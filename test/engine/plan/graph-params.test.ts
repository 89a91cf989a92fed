import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LoadOptions } from '../../../engine/parse/load.ts'
import type { LoadedGraph } from '../../../engine/plan/load-graph.ts'
import type { GraphNode } from '../../../engine/plan/node.ts'
import { Project, told } from '../parse/project.ts'

const BASE = `
version: 1
datasets: { d: { source: data }, e: { source: other, splits: [dev] } }
models: { a: { endpoint: "http://a/v1" }, b: { endpoint: "http://b/v1" } }
stages:
  passages: { uses: sample, with: { dataset: "\${datasets.d}" } }
`
const write = (members: string, name = 'queries') =>
  `  ${name}: { uses: write, with: { passages: "\${stages.passages.passages}", ${members} } }\n`

function nodes({ graph, diagnostics }: LoadedGraph): { [id: string]: GraphNode } {
  expect(told(diagnostics)).toEqual([])
  return Object.fromEntries(graph!.nodes)
}

function load(text: string, options: Partial<LoadOptions> = {}): { [id: string]: GraphNode } {
  return nodes(new Project().load(BASE + text, options))
}

/** Problems with their code frames' places: where, and where else. */
function places({ diagnostics }: LoadedGraph, folder: string): unknown[] {
  const short = (file: string) => file.replace(`${folder}/`, '')
  return diagnostics.map(({ file, line, column, message, related }) => [
    `${short(file)}:${line}:${column}`,
    message.replaceAll(`${folder}/`, ''),
    ...(related ?? []).map((other) => `${short(other.file)}:${other.line}:${other.column} ${other.message}`),
  ])
}

describe('a param may stand for', () => {
  test('a model, a dataset, a split, an output, as a member or a whole value', () => {
    const found = load(
      `${write('model: "${params.small}"')}` +
        '  training: { uses: data, with: { pairs: [{ from: "${params.sources.own}" }, { from: "${params.sources.split}" }] } }\n' +
        '  more: { uses: sample, with: { dataset: "${params.where}" } }\n' +
        '  dotted: { uses: data, with: { pairs: [{ from: "${params.where.dev}", corpus: "${params.where}" }] } }\n' +
        'params:\n  small: ${models.a}\n  where: ${datasets.e}\n' +
        '  sources: { own: "${stages.queries.pairs}", split: "${datasets.d.train}" }\n',
    )
    expect(found.queries?.inputs.get('model')).toMatchObject({ type: 'llm', name: 'a' })
    expect(found.training?.inputs.get('pairs/0/from')).toMatchObject({ node: 'queries', output: 'pairs' })
    expect(found.training?.inputs.get('pairs/1/from')).toMatchObject({ name: 'd', split: 'train' })
    expect(found.more?.inputs.get('dataset')).toMatchObject({ type: 'dataset', name: 'e' })
    expect(found.dotted?.inputs.get('pairs/0/from')).toMatchObject({ name: 'e', split: 'dev' })
  })

  test('other params, also inside texts and through several of them', () => {
    const found = load(
      '  a: { uses: command, with: { run: "${params.line}", inputs: { i: "${params.files.log}" } } }\n' +
        'params: { n: 3, two: "${params.n}", line: "x ${params.two} $${y} ${params.tail}", tail: "-n ${params.n}", ' +
        'folder: data, files: { log: "${params.folder}/a.txt", odd: "$${z}" } }\n',
      { params: { n: '4', folder: import.meta.dirname, tail: '-m ${params.files.odd}', files: '{log: /dev, odd: o}' } },
    )
    expect(found.a?.options).toMatchObject({ run: 'x 4 ${y} -m o' })
  })

  test('lists and maps with references in them', () => {
    const { training } = load(
      `${write('model: "${models.a}"')}  training: { uses: data, with: { pairs: "\${params.recipe.pairs}" } }\n` +
        'params: { w: 2, recipe: { pairs: [{ from: "${stages.queries.pairs}", weight: "${params.w}" }] } }\n',
    )
    expect(training?.options).toMatchObject({ pairs: [{ weight: 2 }] })
    expect(training?.needs).toEqual(['queries'])
  })

  test('a member of itself, which is no circle', () => {
    const { a } = load(
      '  a: { uses: command, with: { run: "${params.r.full}" } }\nparams: { r: { base: x, full: "${params.r.base}/y" } }\n',
    )
    expect(a?.options).toMatchObject({ run: 'x/y' })
  })
})

describe('an axis', () => {
  const SWEEP =
    `${write('model: "${params.generator}"')}params: { generator: "\${models.a}", n: 1, twice: "\${params.n}" }\n` +
    'sweep: { axes: { generator: { 8b: "${models.a}", 70b: "${models.b}" } } }\n'

  test('may have models as values, by a label of their own', () => {
    const found = load(SWEEP)
    expect(Object.keys(found)).toEqual(['passages', 'queries[generator=8b]', 'queries[generator=70b]'])
    expect(found['queries[generator=70b]']?.inputs.get('model')).toMatchObject({ name: 'b' })
  })

  test('calls a value that is only a reference by its name', () => {
    const list = SWEEP.replace('{ 8b: "${models.a}", 70b: "${models.b}" }', '["${models.a}", "${models.b}"]')
    expect(Object.keys(load(list))).toEqual(['passages', 'queries[generator=a]', 'queries[generator=b]'])
  })

  test.each(['70b', '${models.b}'])('is collapsed by -p generator=%s', (value) => {
    const { queries } = load(SWEEP, { params: { generator: value } })
    expect(queries?.inputs.get('model')).toMatchObject({ name: 'b' })
  })

  test('is one for whatever refers to its param through others, and for nothing else', () => {
    const found = load(
      write('model: "${models.a}", per_passage: "${params.twice}"') +
        write('model: "${models.a}", per_passage: "${params.r.fixed}"', 'others') +
        write('model: "${models.a}", per_passage: "${params.r.free}"', 'third') +
        'params: { n: 1, twice: "${params.n}", r: { fixed: 5, free: "${params.twice}" } }\nsweep: { axes: { n: [1, 2] } }\n',
    )
    const ids = ['passages', 'queries[n=1]', 'queries[n=2]', 'others', 'third[n=1]', 'third[n=2]']
    expect(Object.keys(found)).toEqual(ids)
    expect(found['third[n=2]']?.options).toMatchObject({ per_passage: 2 })
  })

  test('hands on the axes of the models and datasets that its values name', () => {
    const text = `${BASE}${write('model: "${params.generator}"')}`.replace(
      'b: { endpoint: "http://b/v1" }',
      'b: { endpoint: "http://${params.host}/v1" }',
    )
    const found = nodes(
      new Project().load(
        `${text}params: { generator: x, host: h }\nsweep: { axes: { host: [x, y], generator: ["\${models.a}", "\${models.b}"] } }\n`,
      ),
    )
    expect(Object.keys(found)).toHaveLength(5)
    expect(found['queries[generator=b,host=y]']?.inputs.get('model')).toMatchObject({
      identity: { endpoint: 'http://y/v1' },
    })
  })

  test('with outputs of stages as values makes its readers need all of these, each node only its own', () => {
    const found = load(
      '  training: { uses: data, with: { pairs: [{ from: "${params.from}" }] } }\n' +
        write('model: "${models.a}"') +
        write('model: "${models.b}"', 'others') +
        'params: { from: null }\n' +
        'sweep: { axes: { from: { own: "${stages.queries.pairs}", theirs: "${stages.others.pairs}", judged: "${datasets.d.train}" } } }\n',
    )
    expect(found['training[from=own]']?.needs).toEqual(['queries'])
    expect(found['training[from=theirs]']?.needs).toEqual(['others'])
    expect(found['training[from=judged]']?.needs).toEqual([])
  })
})

describe('what is wrong', () => {
  test('with the kind of a value is told at the reference, with the place of the value', () => {
    const project = new Project()
    const loaded = project.load(
      `${BASE}  queries:\n    uses: write\n    with:\n      passages: \${stages.passages.passages}\n      model: \${params.generator}\n` +
        'params: { generator: x, p: "${stages.passages.passages}" }\n' +
        'sweep:\n  axes:\n    generator: { 8b: "${models.a}", 70b: "${datasets.d}", odd: "${params.p}" }\n',
    )
    expect(places(loaded, project.folder)).toEqual([
      [
        'pipeline.yaml:11:14',
        '`model` takes a language model (`${models.NAME}`), but `${datasets.d}` is a dataset (from `${params.generator}`)',
        'pipeline.yaml:15:42 `generator` is set here',
      ],
      [
        'pipeline.yaml:11:14',
        '`model` takes a language model (`${models.NAME}`), but `${stages.passages.passages}` is passages (from `${params.generator}`)',
        'pipeline.yaml:15:64 `generator` is set here',
        'pipeline.yaml:12:28 `p` is set here',
      ],
    ])
  })

  test('inside a value of -p is told of the command line', () => {
    const text = `${BASE}${write('model: "${params.m}"')}params: { m: "\${models.a}" }\n`
    const { diagnostics } = new Project().load(text, { params: { m: '${models.c}' } })
    expect(diagnostics.map(({ file, message }) => [file, message])).toEqual([
      ['command line', 'there is no model `c` (in param `m`, given with -p)'],
    ])
  })

  test('in a value is told once, where it stands, whether it is used or not', () => {
    const project = new Project()
    const loaded = project.load(
      `${BASE}${write('model: "${params.m}"')}${write('model: "${params.m}"', 'again')}params:\n  m: \${models.c}\n  unused: { deep: ["x \${params.mm}"] }\nsweep: { axes: { m: { x: "\${models.a}", y: "\${models.bb}" } } }\n`,
    )
    expect(places(loaded, project.folder)).toEqual([
      ['pipeline.yaml:10:6', 'there is no model `c`'],
      ['pipeline.yaml:11:23', 'there is no param `mm`'],
      ['pipeline.yaml:12:45', 'there is no model `bb`'],
    ])
  })

  test('params that refer to each other in a circle are named all the way round', () => {
    const project = new Project()
    const loaded = project.load(
      `${BASE}${write('model: "${params.a}"')}params:\n  a: \${params.b}\n  b: { c: "x \${params.d.e}" }\n  d: \${params.a}\n  me: ["\${params.me}"]\n`,
    )
    expect(places(loaded, project.folder)).toEqual([
      [
        'pipeline.yaml:11:6',
        'params refer to each other in a circle: a -> b.c -> d -> a',
        'pipeline.yaml:9:6 `a` refers to `b`',
        'pipeline.yaml:10:14 `b.c` refers to `d.e`',
      ],
      ['pipeline.yaml:12:9', 'param `me[0]` refers to itself'],
    ])
  })

  test('params that multiply without bound are refused in no time', () => {
    const lines = ['params:', '  p0: [x, x, x, x, x, x, x, x, x, x]', '  t0: "0123456789"', '  e0: ""']
    for (let i = 1; i < 30; i++) {
      lines.push(
        `  p${i}: [${Array(10)
          .fill(`"\${params.p${i - 1}}"`)
          .join(', ')}]`,
      )
      lines.push(
        `  t${i}: "${Array(10)
          .fill(`\${params.t${i - 1}}`)
          .join('')}"`,
      )
      lines.push(
        `  e${i}: "${Array(10)
          .fill(`\${params.e${i - 1}}`)
          .join('')}"`,
      )
    }
    const uses = ['p29', 't29', 'e29'].map((param) => write(`per_passage: "\${params.${param}}"`, param)).join('')
    const { diagnostics } = new Project().load(`${BASE}${uses}${lines.join('\n')}\n`)
    expect(told(diagnostics)).toEqual(
      [7, 8, 9].map(
        (line) => `${line}:23 too-large with the values of its params, this is larger than a pipeline may be`,
      ),
    )
  })

  test('a chain of params that goes on and on is refused', () => {
    const chain = Array.from({ length: 2_000 }, (_, i) => `  p${i}: \${params.p${i + 1}}`).join('\n')
    for (const text of [chain, chain.split('\n').reverse().join('\n')]) {
      const { diagnostics } = new Project().load(
        `${BASE}${write('per_passage: "${params.p0}"')}params:\n${text}\n  p2000: 1\n`,
      )
      expect(new Set(diagnostics.map(({ message }) => message))).toEqual(
        new Set(['params refer to each other through more than 64 others']),
      )
    }
  })
})

describe('a path in a value is relative to where its beginning was written', () => {
  const TEXT =
    'version: 1\nparams: { p: in/a.txt, dir: in, both: "${params.dir}/a.txt" }\n' +
    'stages:\n  s: { uses: command, with: { run: x, inputs: { i: "${params.both}" } } }\n'

  test('through other params, and from the command line', () => {
    const project = new Project({ 'in/a.txt': '' })
    const other = new Project({ 'x/a.txt': '' })
    const path = (options: Partial<LoadOptions>) => nodes(project.load(TEXT, options)).s?.inputs.get('inputs/i')
    expect(path({})).toMatchObject({ path: project.path('in/a.txt') })
    const given = { params: { dir: 'x' }, paramsFolder: other.folder }
    expect(path(given)).toMatchObject({ path: other.path('x/a.txt') })
    expect(path({ ...given, params: { both: '${params.p}' } })).toMatchObject({ path: project.path('in/a.txt') })
  })

  test('also for one of several paths of a dataset', () => {
    const text =
      'version: 1\nparams: { where: a }\ndatasets: { d: { source: "${params.where}", splits: ["${params.where}"] } }\nstages: { s: { uses: sample, with: { dataset: "${datasets.d}" } } }\n'
    const { s } = nodes(new Project().load(text, { params: { where: 'pypi:x' }, paramsFolder: '/elsewhere' }))
    expect(s?.inputs.get('dataset')).toMatchObject({
      parts: { corpus: expect.stringMatching(/pypi:x\/corpus.jsonl$/) },
    })
  })
})

describe('whatever params refer to each other', () => {
  const NAMES = ['a', 'b', 'c', 'd', 'e']
  const part = fc.oneof(
    fc.constantFrom('x', ' - ', '$${a}', '7'),
    fc.constantFrom(...NAMES).map((name) => `\${params.${name}}`),
  )
  const texts = fc.array(fc.array(part, { maxLength: 3 }), { minLength: NAMES.length, maxLength: NAMES.length })

  /** What a text stands for, by putting values in place of references again and again; undefined for a circle. */
  function byHand(
    parts: readonly string[],
    all: { [name: string]: string[] },
    open: string[] = [],
  ): string | undefined {
    let text = ''
    for (const piece of parts) {
      const name = /^\$\{params\.(.)\}$/.exec(piece)?.[1]
      if (name !== undefined && open.includes(name)) return undefined
      const value = name === undefined ? piece.replace('$${', '${') : byHand(all[name]!, all, [...open, name])
      if (value === undefined) return undefined
      text += value
    }
    return text
  }

  test('the value is what one gets by hand, or they go in a circle and that is told', () => {
    const project = new Project()
    fc.assert(
      fc.property(texts, (written) => {
        const all = Object.fromEntries(NAMES.map((name, i) => [name, written[i]!]))
        const values = NAMES.map((name) => byHand(all[name]!, all, [name]))
        const text = JSON.stringify({
          version: 1,
          params: Object.fromEntries(NAMES.map((name) => [name, all[name]!.join('')])),
          stages: { s: { uses: 'command', with: { run: `= ${NAMES.map((name) => `\${params.${name}}`).join('|')}` } } },
        })
        const { graph, diagnostics } = project.load(text)
        if (values.includes(undefined)) {
          expect(new Set(diagnostics.map(({ code }) => code))).toEqual(new Set(['cycle']))
        } else {
          expect(told(diagnostics)).toEqual([])
          expect(graph?.nodes.get('s' as never)?.options).toMatchObject({ run: `= ${values.join('|')}` })
        }
      }),
      { seed: 13, numRuns: 150 },
    )
  })
})
