import { describe, expect, test } from 'vitest'
import type { GraphNode } from '../../../engine/plan/node.ts'
import { Project, told } from '../parse/project.ts'

const HEAD = `
version: 1
params: { a: 1, b: 1, c: 1 }
datasets: { d: { source: data } }
`
const SWEEP = 'sweep: { axes: { a: [2, 1], b: [x/y, "", z] } }\n'
const MADE =
  '  made: { uses: command, with: { run: "${params.a} ${params.b}", outputs: { o: folder, p: pairs, q: file } } }\n'

function graphOf(stages: string, sweep = SWEEP): Map<string, GraphNode> {
  const { graph, diagnostics } = new Project().load(`${HEAD}stages:\n${MADE}${stages}${sweep}`)
  expect(told(diagnostics)).toEqual([])
  return new Map(graph!.nodes)
}

const inputsOf = (node: GraphNode | undefined) =>
  Object.fromEntries([...node!.inputs].map(([name, ref]) => [name, ref.type === 'stage' ? ref.node : ref.type]))

describe('a list over the variants of a stage', () => {
  test('holds all of them for a stage that depends on no axis, under their labels', () => {
    const nodes = graphOf('  all: { uses: command, with: { run: x, inputs: { runs: "${stages.made.o[*]}" } } }\n')
    expect(nodes.size).toBe(7)
    expect(inputsOf(nodes.get('all'))).toEqual({
      'inputs/runs/a=1,b=': 'made[a=1,b=]',
      'inputs/runs/a=1,b=x~1y': 'made[a=1,b=x/y]',
      'inputs/runs/a=1,b=z': 'made[a=1,b=z]',
      'inputs/runs/a=2,b=': 'made[a=2,b=]',
      'inputs/runs/a=2,b=x~1y': 'made[a=2,b=x/y]',
      'inputs/runs/a=2,b=z': 'made[a=2,b=z]',
    })
    expect(nodes.get('all')?.needs).toHaveLength(6)
    expect(nodes.get('all')?.options).toMatchObject({ inputs: { runs: { $input: 'inputs/runs' } } })
  })

  test('where order counts is numbered by axis, in the order in which the values are written', () => {
    const nodes = graphOf(
      '  all: { uses: data, with: { pairs: [{ from: "${stages.made.p[*]}", corpus: "${datasets.d}" }] } }\n',
    )
    expect(inputsOf(nodes.get('all'))).toMatchObject({
      'pairs/0/from/0': 'made[a=2,b=x/y]',
      'pairs/0/from/1': 'made[a=2,b=]',
      'pairs/0/from/2': 'made[a=2,b=z]',
      'pairs/0/from/3': 'made[a=1,b=x/y]',
      'pairs/0/from/4': 'made[a=1,b=]',
      'pairs/0/from/5': 'made[a=1,b=z]',
    })
  })

  test('agrees with its reader on the axes that this depends on otherwise, and folds the others', () => {
    const nodes = graphOf(
      '  per: { uses: command, with: { run: "${params.a} ${params.c}", inputs: { runs: "${stages.made.o[*]}" } } }\n',
      SWEEP.replace('a: [2, 1]', 'a: [2, 1], c: [7, 8]'),
    )
    expect([...nodes.keys()].filter((id) => id.startsWith('per'))).toEqual([
      'per[a=2,c=7]',
      'per[a=2,c=8]',
      'per[a=1,c=7]',
      'per[a=1,c=8]',
    ])
    expect(inputsOf(nodes.get('per[a=1,c=7]'))).toEqual({
      'inputs/runs/b=': 'made[a=1,b=]',
      'inputs/runs/b=x~1y': 'made[a=1,b=x/y]',
      'inputs/runs/b=z': 'made[a=1,b=z]',
    })
  })

  test('beside a plain reference to the same stage holds that one variant', () => {
    const nodes = graphOf(
      '  both: { uses: command, with: { run: x, inputs: { one: "${stages.made.o}", runs: "${stages.made.o[*]}" } } }\n',
    )
    expect(inputsOf(nodes.get('both[a=1,b=z]'))).toEqual({
      'inputs/one': 'made[a=1,b=z]',
      'inputs/runs/only': 'made[a=1,b=z]',
    })
  })

  test('has one member where nothing is swept', () => {
    const nodes = graphOf(
      `  all: { uses: command, with: { run: x, inputs: { runs: "\${stages.made.o[*]}" } } }
  mixed: { uses: data, with: { pairs: [{ from: "\${stages.made.p[*]}", corpus: "\${datasets.d}" }] } }
`,
      '',
    )
    expect(inputsOf(nodes.get('all'))).toEqual({ 'inputs/runs/only': 'made' })
    expect(inputsOf(nodes.get('mixed'))).toMatchObject({ 'pairs/0/from/0': 'made' })
  })

  test('hands down the corpora of its members', () => {
    const nodes = graphOf(
      `  passages: { uses: sample, with: { dataset: "\${datasets.d}", seed: "\${params.c}" } }
  queries: { uses: write, with: { passages: "\${stages.passages.passages}" } }
  all: { uses: data, with: { pairs: [{ from: "\${stages.queries.pairs[*]}" }] } }
`,
      SWEEP.replace('a: [2, 1]', 'a: [2, 1], c: [7, 8]'),
    )
    expect(inputsOf(nodes.get('all'))).toEqual({
      'pairs/0/corpus': 'dataset',
      'pairs/0/from/0': 'queries[c=7]',
      'pairs/0/from/1': 'queries[c=8]',
    })
  })

  test.each([
    [
      'where one input is taken',
      'uses: write, with: { passages: "${stages.passages.passages[*]}" }',
      [
        '8:44 wrong-edge-type `passages` takes one input, and `${stages.passages.passages[*]}` is a list over all variants',
        '${stages.passages.passages}',
      ],
    ],
    [
      'of another kind',
      'uses: data, with: { pairs: [{ from: "${stages.made.o[*]}" }] }',
      [
        '8:49 wrong-edge-type `from` takes pairs (`${stages.NAME.OUTPUT}`) or a split of a dataset (`${datasets.NAME.SPLIT}`), but `${stages.made.o[*]}` is a folder',
        '${stages.made.p[*]}',
      ],
    ],
    [
      'of an output that there is not',
      'uses: command, with: { run: x, inputs: { runs: "${stages.passages.pasages[*]}" } }',
      ['8:60 unknown-reference stage `passages` has no output `pasages`', '${stages.passages.passages[*]}'],
    ],
    [
      'of no output',
      'uses: command, with: { run: x, inputs: { runs: "${stages.passages[*]}" } }',
      [
        '8:60 reference-syntax `${stages.passages[*]}` names no output of stage `passages`',
        '${stages.passages.passages[*]}',
      ],
    ],
    [
      'of what is no stage',
      'uses: command, with: { run: "${params.a[*]}" }',
      ['8:41 reference-syntax only an output of a stage has variants to list', '${params.a}'],
    ],
  ])('%s is refused at its place', (_title, stage, [message, suggestion]) => {
    const { graph, diagnostics } = new Project().load(
      `${HEAD}stages:\n${MADE}  passages: { uses: sample, with: { dataset: "\${datasets.d}" } }\n  wrong: { ${stage} }\n${SWEEP}`,
    )
    expect(graph).toBeUndefined()
    const [first] = diagnostics.filter(({ severity }) => severity === 'error')
    expect([...told([first!]), first?.suggestion]).toEqual([message, suggestion])
  })
})
