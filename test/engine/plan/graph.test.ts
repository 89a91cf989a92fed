import { describe, expect, test } from 'vitest'
import { loadGraph } from '../../../engine/plan/load-graph.ts'
import type { GraphNode, InputRef, NodeId } from '../../../engine/plan/node.ts'
import { fakeRegistry } from '../parse/fake-registry.ts'
import { Project, told } from '../parse/project.ts'

const BASE = `
version: 1
params: { scale: 0.5, density: 3, seed: 1, where: data }
datasets: { d: { source: "\${params.where}" } }
models: { m: { endpoint: "http://127.0.0.1/v1" } }
stages:
  queries:
    uses: write
    with:
      passages: \${stages.passages.passages}
      model: \${models.m}
      prompt: prompts/ask.yaml
      per_passage: \${params.density}
  passages:
    uses: sample
    with: { dataset: "\${datasets.d}", fraction: "\${params.scale}", seed: "\${params.seed}" }
  training:
    uses: data
    with: { pairs: [{ from: "\${stages.queries.pairs}" }, { from: "\${datasets.d.train}" }] }
`
const PROMPT = { 'prompts/ask.yaml': 'Write a query.' }

function nodesOf(text: string, files: { [name: string]: string } = PROMPT, options = {}): Map<string, GraphNode> {
  const project = new Project(files)
  const { graph, diagnostics } = project.load(text, options)
  expect(told(diagnostics, project.folder)).toEqual([])
  return new Map(graph!.nodes)
}

describe('nodes', () => {
  test('stand in topological order with typed inputs, defaults and implied inputs', () => {
    const project = new Project(PROMPT)
    const { graph, diagnostics } = project.load(BASE)
    expect(diagnostics).toEqual([])
    const nodes = [...graph!.nodes.values()]
    expect(nodes.map(({ id }) => id)).toEqual(['passages', 'queries', 'training'])
    const [passages, queries, training] = nodes as [GraphNode, GraphNode, GraphNode]
    expect(passages.options).toEqual({ dataset: { $input: 'dataset' }, fraction: 0.5, seed: 1, strategy: 'random' })
    expect(queries.options).toEqual({
      passages: { $input: 'passages' },
      model: { $input: 'model' },
      prompt: { $input: 'prompt' },
      per_passage: 3,
      decoding: { temperature: 0.7 },
      concurrency: 8,
    })
    expect([...queries.inputs]).toEqual([
      [
        'model',
        {
          type: 'llm',
          name: 'm',
          block: { endpoint: 'http://127.0.0.1/v1' },
          folder: project.folder,
          identity: { endpoint: 'http://127.0.0.1/v1' },
        },
      ],
      ['passages', { type: 'stage', node: 'passages', output: 'passages', kind: 'passages' }],
      ['prompt', { type: 'prompt', path: project.path('prompts/ask.yaml'), value: { user: 'Write a query.' } }],
    ])
    const corpus = { type: 'dataset', name: 'd', parts: { corpus: project.path('data/corpus.jsonl') } }
    expect([...training.inputs]).toEqual([
      ['pairs/0/corpus', corpus],
      ['pairs/0/from', { type: 'stage', node: 'queries', output: 'pairs', kind: 'pairs' }],
      ['pairs/1/corpus', corpus],
      [
        'pairs/1/from',
        {
          type: 'dataset',
          name: 'd',
          split: 'train',
          parts: { queries: project.path('data/queries.jsonl'), qrels: project.path('data/qrels/train.tsv') },
        },
      ],
    ])
    expect(training.options).toEqual({
      pairs: [
        { from: { $input: 'pairs/0/from' }, weight: 1 },
        { from: { $input: 'pairs/1/from' }, weight: 1 },
      ],
    })
    expect(graph!.dependents.get(passages.id)).toEqual(['queries'])
    expect(graph!.dependents.get(training.id)).toEqual([])
    expect(training.needs).toEqual(['queries'])
    expect(graph!.datasets.d?.corpus).toBe(project.path('data/corpus.jsonl'))
    expect(queries.position).toMatchObject({ line: 7, column: 3, length: 7 })
  })

  test('carry the settings of their stage, with params filled in', () => {
    const { resources, timeoutMs, retry, env, passEnv } = nodesOf(`
version: 1
params: { cores: 3, wait: 2m, level: 9 }
stages:
  a:
    uses: command
    with: { run: x }
    resources: { cpus: "\${params.cores}" }
    timeout: \${params.wait}
    retry: { attempts: 3, backoff: 1m30s }
    env: { LEVEL: "\${params.level}", NAME: "n-\${params.level}" }
    pass_env: [TOKEN]
`).get('a')!
    expect({ resources, timeoutMs, retry, env, passEnv }).toEqual({
      resources: { cpus: 3, memory: 0, pools: {} },
      timeoutMs: 120_000,
      retry: { attempts: 3, backoffMs: 90_000 },
      env: { LEVEL: '9', NAME: 'n-9' },
      passEnv: ['TOKEN'],
    })
    const plain = nodesOf('version: 1\nstages: { a: { uses: command, with: { run: x } } }').get('a')!
    expect([plain.resources.cpus, plain.timeoutMs, plain.retry]).toEqual([2, undefined, { attempts: 1, backoffMs: 0 }])
  })

  test('wait for those of `after`, matched by the axes that both have', () => {
    const nodes = nodesOf(`
version: 1
params: { a: 1, b: 1 }
stages:
  one: { uses: command, with: { run: "\${params.a}\${params.b}" } }
  two: { uses: command, after: [one], with: { run: "x\${params.b}" } }
  three: { uses: command, after: [two], with: { run: x } }
sweep: { axes: { a: [1, 2], b: [1, 2] } }
`)
    expect(nodes.get('two[b=2]')?.needs).toEqual(['one[a=1,b=2]', 'one[a=2,b=2]'])
    expect(nodes.get('three')?.needs).toEqual(['two[b=1]', 'two[b=2]'])
  })
})

describe('values', () => {
  const run = (text: string, params = '{ n: 3, s: x, o: { a: { b: [1] } }, t: true }') =>
    nodesOf(
      `version: 1\nparams: ${params}\nstages:\n  a: { uses: command, with: { run: ${JSON.stringify(text)} } }\n`,
    ).get('a')?.options as { run: unknown }

  test.each([
    ['n=${params.n}', 'n=3'],
    ['${params.s}', 'x'],
    ['${params.s}${params.t}', 'xtrue'],
    ['$${params.n}', '${params.n}'],
    ['$$${params.n} $x {{y}} $', '$${params.n} $x {{y}} $'],
    ['${params.o.a.b.0}!', '1!'],
  ])('%s', (text, value) => {
    expect(run(text).run).toBe(value)
  })

  test('that are only a reference keep their type', () => {
    const nodes = nodesOf(`
version: 1
params: { n: 2, decoding: { temperature: 0, stop: [a] } }
datasets: { d: { source: x } }
stages:
  p: { uses: sample, with: { dataset: "\${datasets.d}" } }
  q: { uses: write, with: { passages: "\${stages.p.passages}", per_passage: "\${params.n}", decoding: "\${params.decoding}" } }
`)
    expect(nodes.get('q')?.options).toMatchObject({ per_passage: 2, decoding: { temperature: 0, stop: ['a'] } })
  })

  test('defaults reach into the branch of a union that a value has', () => {
    const nodes = nodesOf(`
version: 1
datasets: { d: { source: x } }
stages:
  p: { uses: sample, with: { dataset: "\${datasets.d}" } }
  q:
    uses: write
    with: { passages: "\${stages.p.passages}", steps: [{ length: {} }, { round_trip: { top_k: 1 } }] }
`)
    expect((nodes.get('q')!.options as { steps: unknown }).steps).toEqual([
      { length: { min: 3 } },
      { round_trip: { top_k: 1, depth: 100 } },
    ])
  })
})

describe('files', () => {
  const command = (inputs: string, rest = '') =>
    `version: 1\n${rest}\nstages:\n  a: { uses: command, with: { run: x, inputs: { i: ${inputs} } } }\n`
  const input = (text: string, files: { [name: string]: string }, options = {}): InputRef | undefined =>
    nodesOf(text, files, options).get('a')?.inputs.get('inputs/i')

  test('a path is a file or a folder below the pipeline', () => {
    const project = new Project({ 'in/a.txt': '' })
    const ref = (text: string) => project.load(command(text)).graph?.nodes.values().next().value?.inputs.get('inputs/i')
    expect(ref('in/a.txt')).toEqual({ type: 'path', path: project.path('in/a.txt'), folder: false })
    expect(ref('./in/')).toEqual({ type: 'path', path: project.path('in'), folder: true })
  })

  test('a glob has its matches in the order of their bytes, dot files only where named', () => {
    const files = {
      'in/b.txt': '',
      'in/a.txt': '',
      'in/Z.txt': '',
      'in/\uff5a.txt': '',
      'in/\u{1f600}.txt': '',
      'in/.h.txt': '',
      'in/sub/c.txt': '',
    }
    const matches = (text: string) => {
      const ref = input(command(JSON.stringify(text)), files)
      return ref?.type === 'path' ? ref.matches : undefined
    }
    expect(matches('in/*.txt')).toEqual(['Z.txt', 'a.txt', 'b.txt', '\uff5a.txt', '\u{1f600}.txt'])
    expect(matches('in/**/[a-c].txt')).toEqual(['a.txt', 'b.txt', 'sub/c.txt'])
    expect(matches('in/{a,sub/c}.txt')).toEqual(['a.txt', 'sub/c.txt'])
    expect(matches('in/.*')).toEqual(['.h.txt'])
    expect(matches('**')).toContain('in/sub/c.txt')
  })

  test('a folder with wildcard characters in its own name does no harm', () => {
    const project = new Project({ 'odd[1]/in.txt': '' })
    const file = project.write('odd[1]/p.yaml', command('"*.txt"'))
    const { graph } = loadGraph(file, { registry: fakeRegistry })
    const node = graph?.nodes.get('a' as NodeId)
    expect(node?.inputs.get('inputs/i')).toMatchObject({ path: project.path('odd[1]'), matches: ['in.txt'] })
  })

  test('paths of -p are relative to the current folder, and may lead out of the project', () => {
    const other = new Project({ 'x/a.txt': '' })
    const options = { params: { p: 'x/a.txt' }, paramsFolder: other.folder }
    expect(input(command('"${params.p}"', 'params: { p: none }'), {}, options)).toEqual({
      type: 'path',
      path: other.path('x/a.txt'),
      folder: false,
    })
    const absolute = input(command(JSON.stringify(other.path('x'))), {})
    expect(absolute).toEqual({ type: 'path', path: other.path('x'), folder: true })
  })

  test('a dataset takes its paths from where its param was given', () => {
    const options = { params: { where: 'col' }, paramsFolder: '/elsewhere' }
    const { inputs } = nodesOf(BASE, PROMPT, options).get('passages')!
    expect(inputs.get('dataset')).toMatchObject({ parts: { corpus: '/elsewhere/col/corpus.jsonl' } })
  })

  test('a text that the schema knows is no path, even where one could stand', () => {
    const text = `${BASE}      retriever: R\n`
      .replace('with: { pairs', 'with:\n      pairs')
      .replace('train}" }] }', 'train}" }]')
    expect(nodesOf(text.replace('R\n', 'bm25\n')).get('training')?.options).toMatchObject({ retriever: 'bm25' })
    const { inputs } = nodesOf(text.replace('R\n', 'r.trec\n'), { ...PROMPT, 'r.trec': '' }).get('training')!
    expect(inputs.get('retriever')).toMatchObject({ type: 'path', folder: false })
  })

  test('a prompt nested beyond what the YAML library bears is refused, not parsed', () => {
    const project = new Project({ 'prompts/ask.yaml': '['.repeat(5_000) })
    expect(told(project.load(BASE).diagnostics)).toEqual(['1:257 prompt nested too deeply'])
  })

  test('each prompt file is parsed once, and its problem reported once', () => {
    const project = new Project({ 'prompts/ask.yaml': 'a\nuser: {{oops}}' })
    const { diagnostics } = project.load(`${BASE}sweep: { axes: { density: [1, 2, 3] } }\n`)
    expect(diagnostics.map(({ file, line, column, code }) => [file, line, column, code])).toEqual([
      [project.path('prompts/ask.yaml'), 2, 7, 'prompt'],
    ])
  })
})
