import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeLabel } from '../../../engine/plan/variants.ts'
import { Project, told } from '../parse/project.ts'

const STAGES = `
version: 1
params: { scale: 0.5, density: 3, seed: 1 }
datasets: { d: { source: data } }
stages:
  passages: { uses: sample, with: { dataset: "\${datasets.d}", fraction: "\${params.scale}" } }
  queries: { uses: write, with: { passages: "\${stages.passages.passages}", per_passage: "\${params.density}" } }
  training: { uses: data, with: { pairs: [{ from: "\${stages.queries.pairs}" }] } }
  scores: { uses: command, with: { run: "x \${params.seed}", inputs: { t: "\${stages.training.training}" } } }
  alone: { uses: command, with: { run: x } }
`

function ids(text: string, options = {}): string[] {
  const { graph, diagnostics } = new Project().load(text, options)
  expect(told(diagnostics)).toEqual([])
  return [...graph!.nodes.keys()]
}

const count = (all: readonly string[], stage: string) => all.filter((id) => id.split('[')[0] === stage).length

describe('a sweep', () => {
  const SWEEP = 'sweep: { axes: { scale: [0.25, 0.5, 1.0], density: [1, 3] }, replicates: { seed: [1, 2] } }\n'

  test('gives each stage one node for each combination of the axes that it depends on', () => {
    const all = ids(STAGES + SWEEP)
    expect(all.slice(0, 5)).toEqual([
      'passages[scale=0.25]',
      'passages[scale=0.5]',
      'passages[scale=1]',
      'queries[density=1,scale=0.25]',
      'queries[density=1,scale=0.5]',
    ])
    expect(['passages', 'queries', 'training', 'scores', 'alone'].map((stage) => count(all, stage))).toEqual([
      3, 6, 6, 12, 1,
    ])
  })

  test('leaves out what is excluded, and adds what is included for every replicate', () => {
    const text = `${STAGES}${SWEEP.replace(' }\n', ', exclude: [{ scale: 1.0, density: 3 }], include: [{ scale: 0.75, density: 9 }] }\n')}`
    const all = ids(text)
    expect(all).not.toContain('queries[density=3,scale=1]')
    expect(all).toContain('passages[scale=1]')
    expect(all).toContain('queries[density=9,scale=0.75]')
    expect(all).toContain('scores[density=9,scale=0.75,seed=2]')
    expect(['passages', 'queries', 'scores'].map((stage) => count(all, stage))).toEqual([4, 6, 12])
  })

  test('is collapsed by -p and narrowed by --only', () => {
    expect(count(ids(STAGES + SWEEP, { params: { scale: '0.5' } }), 'queries')).toBe(2)
    expect(ids(STAGES + SWEEP, { params: { scale: '0.5' } })).toContain('queries[density=1]')
    const only = ids(STAGES + SWEEP, { only: { scale: ['0.50', '1'] } })
    expect(only).toContain('queries[density=1,scale=0.5]')
    expect(count(only, 'queries')).toBe(4)
  })

  test('--only with an unknown axis or value is an error with a suggestion', () => {
    const { diagnostics } = new Project().load(STAGES + SWEEP, { only: { scael: ['1'], density: ['2'] } })
    expect(diagnostics.map(({ file, message, suggestion }) => [file, message, suggestion])).toEqual([
      ['command line', 'axis `density` has no value `2` (given with --only)', undefined],
      ['command line', 'the sweep has no axis `scael` (given with --only)', 'scale'],
    ])
  })

  test('takes maps as values if they have a label', () => {
    const text = (axis: string) =>
      `version: 1\nparams: { r: {} }\nstages: { a: { uses: command, with: { run: "\${params.r.base}" } } }\nsweep: { axes: { r: ${axis} } }\n`
    const options = (axis: string, more = {}) => {
      const { graph } = new Project().load(text(axis), more)
      return [...graph!.nodes.values()].map(({ id, options: found }) => [id, (found as { run: string }).run])
    }
    const wanted = [
      ['a[r=e5]', 'x'],
      ['a[r=gte]', 'y'],
    ]
    expect(options('[{ name: e5, base: x }, { name: gte, base: y }]')).toEqual(wanted)
    expect(options('[{ name: e5, value: { base: x } }, { name: gte, value: { base: y } }]')).toEqual(wanted)
    expect(options('{ e5: { base: x }, gte: { base: y } }')).toEqual(wanted)
    expect(options('{ e5: { base: x }, gte: { base: y } }', { params: { r: 'gte' } })).toEqual([['a', 'y']])
  })

  test('over a dataset makes its readers depend on the axis', () => {
    const project = new Project()
    const { graph } = project.load(
      `${STAGES.replace('source: data', 'source: "${params.where}"').replace('seed: 1 }', 'seed: 1, where: a }')}sweep: { axes: { where: [a, b] } }\n`,
    )
    expect([...graph!.nodes.keys()]).toContain('scores[where=b]')
    expect(Object.keys(graph!.datasets)).toEqual(['d[where=a]', 'd[where=b]'])
    expect(graph!.nodes.get('training[where=b]' as never)?.inputs.get('pairs/0/corpus')).toMatchObject({
      parts: { corpus: project.path('b/corpus.jsonl') },
    })
  })

  test('that no stage depends on is warned of', () => {
    const { graph, diagnostics } = new Project().load(
      `version: 1\nparams: { a: 1 }\nstages: { s: { uses: command, with: { run: x } } }\nsweep: { axes: { a: [1, 2] } }\n`,
    )
    expect(told(diagnostics)).toEqual(['4:18 sweep no stage depends on `a`, so this axis changes nothing'])
    expect(graph?.nodes.size).toBe(1)
  })

  test('with too many combinations is refused', () => {
    const values = JSON.stringify(Array.from({ length: 101 }, (_, i) => i))
    const { graph, diagnostics } = new Project().load(
      `version: 1\nparams: { a: 1, b: 1 }\nstages: { s: { uses: command, with: { run: "\${params.a}\${params.b}" } } }\nsweep: { axes: { a: ${values}, b: ${values} } }\n`,
    )
    expect(graph).toBeUndefined()
    expect(told(diagnostics)).toEqual(['4:1 sweep the sweep has more than 10000 combinations'])
  })

  test('a wrong value is reported once, not once for each variant', () => {
    const { diagnostics } = new Project().load(STAGES.replace('"${params.density}"', '0') + SWEEP)
    expect(told(diagnostics)).toEqual(['7:89 wrong-value `per_passage` must be 1 or more, but is 0'])
  })
})

test('labels stand in ids so that they can be told apart', () => {
  expect(encodeLabel('a[b],c=d e%/f')).toBe('a%5Bb%5D%2Cc%3Dd%20e%25/f')
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
      (label) => {
        const encoded = encodeLabel(label)
        expect(encoded).not.toMatch(/[[\],=\s]/)
        expect(decodeURIComponent(encoded.replace(/%(?![0-9A-F]{2})/g, '%25'))).toBe(label)
      },
    ),
    { seed: 1 },
  )
})

const AXES = ['a', 'b', 'c'] as const
const sweepModel = fc.record({
  sizes: fc.tuple(...AXES.map(() => fc.integer({ min: 1, max: 3 }))),
  exclude: fc.array(fc.dictionary(fc.constantFrom(...AXES), fc.integer({ min: 0, max: 2 }), { minKeys: 1 }), {
    maxLength: 2,
  }),
  include: fc.array(fc.tuple(...AXES.map(() => fc.integer({ min: 0, max: 4 }))), { maxLength: 2 }),
  uses: fc.array(fc.record({ params: fc.subarray([...AXES]), needs: fc.nat() }), { minLength: 1, maxLength: 5 }),
})
type SweepModel = typeof sweepModel extends fc.Arbitrary<infer Model> ? Model : never

function written({ sizes, exclude, include, uses }: SweepModel, reverse = false): string {
  const order = <Item>(items: Item[]): Item[] => (reverse ? [...items].reverse() : items)
  const map = (entries: [string, unknown][]) => Object.fromEntries(order(entries))
  const stages = uses.map(({ params, needs }, i): [string, unknown] => [
    `s${i}`,
    map([
      ['uses', 'command'],
      [
        'with',
        map([
          ['run', `x ${params.map((param) => `\${params.${param}}`).join(' ')}`],
          ['outputs', { o: 'file' }],
          ['inputs', i === 0 ? {} : { in: `\${stages.s${needs % i}.o}` }],
        ]),
      ],
    ]),
  ])
  return JSON.stringify(
    map([
      ['version', 1],
      ['params', map(AXES.map((axis) => [axis, 0]))],
      ['stages', map(stages)],
      [
        'sweep',
        map([
          ['axes', map(AXES.map((axis, i) => [axis, Array.from({ length: sizes[i]! }, (_, value) => value)]))],
          ['exclude', exclude.filter((entry) => fits(entry, sizes))],
          ['include', include.map((values) => map(AXES.map((axis, i) => [axis, values[i]])))],
        ]),
      ],
    ]),
  )
}

function fits(entry: { [axis: string]: number }, sizes: readonly number[]): boolean {
  return AXES.every((axis, i) => (entry[axis] ?? 0) < sizes[i]!)
}

/** The ids as one would find them by trying everything. */
function bruteForce({ sizes, exclude, include, uses }: SweepModel): Set<string> {
  const assignments: number[][] = []
  for (let a = 0; a < sizes[0]!; a++)
    for (let b = 0; b < sizes[1]!; b++)
      for (let c = 0; c < sizes[2]!; c++) {
        const values = [a, b, c]
        const out = exclude
          .filter((entry) => fits(entry, sizes))
          .some((entry) => AXES.every((axis, i) => entry[axis] === undefined || entry[axis] === values[i]))
        if (!out) assignments.push(values)
      }
  assignments.push(...include)
  const axes: Set<string>[] = []
  const ids = new Set<string>()
  for (const [i, { params, needs }] of uses.entries()) {
    axes.push(new Set([...params, ...(i === 0 ? [] : axes[needs % i]!)]))
    for (const values of assignments) {
      const shown = AXES.filter((axis) => axes[i]!.has(axis)).map((axis) => `${axis}=${values[AXES.indexOf(axis)]}`)
      ids.add(shown.length === 0 ? `s${i}` : `s${i}[${shown.join(',')}]`)
    }
  }
  return ids
}

describe('whatever the sweep', () => {
  test('the nodes are those that a brute-force expansion has, each with what it needs before it', () => {
    const project = new Project()
    fc.assert(
      fc.property(sweepModel, (model) => {
        const { graph, diagnostics } = project.load(written(model))
        const wanted = bruteForce(model)
        if (wanted.size === 0) {
          expect(diagnostics.some(({ code }) => code === 'sweep')).toBe(true)
          return
        }
        expect(new Set(graph?.nodes.keys())).toEqual(wanted)
        const seen = new Set<string>()
        for (const { id, needs, variant } of graph!.nodes.values()) {
          for (const other of needs) {
            expect(seen.has(other)).toBe(true)
            const labels = graph!.nodes.get(other)!.variant
            for (const [axis, label] of Object.entries(labels)) expect(variant[axis]).toBe(label)
          }
          seen.add(id)
        }
      }),
      { seed: 7, numRuns: 200 },
    )
  })

  test('the order of keys in the file changes no node', () => {
    const [one, other] = [new Project(), new Project()]
    const nodes = (project: Project, text: string) => {
      const { graph } = project.load(text)
      return [...(graph?.nodes.values() ?? [])]
        .map(({ position: _, definition: __, ...node }) => ({ ...node, inputs: [...node.inputs] }))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
    }
    fc.assert(
      fc.property(sweepModel, (model) => {
        expect(nodes(other, written(model, true))).toEqual(nodes(one, written(model)))
      }),
      { seed: 11, numRuns: 100 },
    )
  })
})
