import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Project } from '../parse/project.ts'

const AXES = ['a', 'b', 'c'] as const
type AxisName = (typeof AXES)[number]

const value = fc.integer({ min: 0, max: 4 })
const stageArbitrary = fc.record({
  params: fc.subarray([...AXES]),
  /** Chances that it reads, lists or follows each stage before it. */
  links: fc.array(fc.constantFrom('none', 'none', 'read', 'list', 'after'), { minLength: 6, maxLength: 6 }),
  when: fc.option(fc.constantFrom(...AXES), { nil: undefined, freq: 3 }),
  /** Its place in the file. */
  rank: fc.nat(),
})
const modelArbitrary = fc.record({
  sizes: fc.tuple(...AXES.map(() => fc.integer({ min: 1, max: 3 }))),
  /** Whether `when` is true, by axis and value. */
  on: fc.tuple(...AXES.map(() => fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }))),
  replicated: fc.boolean(),
  exclude: fc.array(fc.dictionary(fc.constantFrom(...AXES), fc.integer({ min: 0, max: 2 }), { minKeys: 1 }), {
    maxLength: 2,
  }),
  include: fc.array(fc.tuple(value, value, value), { maxLength: 2 }),
  stages: fc.array(stageArbitrary, { minLength: 1, maxLength: 6 }),
})
type Model = typeof modelArbitrary extends fc.Arbitrary<infer Value> ? Value : never
type Assignment = { readonly [axis in AxisName]: number }

const excluded = ({ exclude, sizes }: Model) =>
  exclude.filter((entry) => AXES.every((axis, i) => (entry[axis] ?? 0) < sizes[i]!))

function written(model: Model): string {
  const { sizes, on, replicated, include, stages } = model
  const named = (axis: number, v: number) => ({ name: String(v), v, on: on[axis]![v]! })
  const values = AXES.map((_, axis) => Array.from({ length: sizes[axis]! }, (_, v) => named(axis, v)))
  const block = ({ params, links, when }: Model['stages'][number], i: number): object => {
    const linked = (kind: string) => links.slice(0, i).flatMap((link, j) => (link === kind ? [j] : []))
    return {
      uses: 'command',
      ...(when === undefined ? {} : { when: `\${params.${when}.on}` }),
      after: linked('after').map((j) => `s${j}`),
      with: {
        run: `x ${params.map((axis) => `\${params.${axis}.v}`).join(' ')}`,
        outputs: { o: 'folder' },
        inputs: Object.fromEntries([
          ...linked('read').map((j) => [`read${j}`, `\${stages.s${j}.o}`]),
          ...linked('list').map((j) => [`list${j}`, `\${stages.s${j}.o[*]}`]),
        ]),
      },
    }
  }
  return JSON.stringify({
    version: 1,
    params: Object.fromEntries(AXES.map((axis) => [axis, { v: 0, on: true }])),
    stages: Object.fromEntries(fileOrder(model).map((i) => [`s${i}`, block(stages[i]!, i)])),
    sweep: {
      axes: Object.fromEntries(AXES.flatMap((axis, i) => (replicated && axis === 'c' ? [] : [[axis, values[i]]]))),
      ...(replicated ? { replicates: { c: values[2] } } : {}),
      exclude: excluded(model).map((entry) =>
        Object.fromEntries(Object.entries(entry).map(([axis, v]) => [axis, String(v)])),
      ),
      include: include.map((entry) =>
        Object.fromEntries(
          AXES.flatMap((axis, i) => (replicated && axis === 'c' ? [] : [[axis, named(i, entry[i]!)]])),
        ),
      ),
    },
  })
}

function fileOrder({ stages }: Model): number[] {
  return stages.map((_, i) => i).sort((i, j) => stages[i]!.rank - stages[j]!.rank || i - j)
}

/** Every combination that is there, found by looking at all that there could be. */
function assignments(model: Model): Assignment[] {
  const { sizes, include, replicated } = model
  const found: Assignment[] = []
  for (let a = 0; a < 5; a++)
    for (let b = 0; b < 5; b++)
      for (let c = 0; c < 5; c++) {
        const one = { a, b, c }
        const crossed = AXES.every((axis, i) => one[axis] < sizes[i]!)
        const left = excluded(model).every((entry) => AXES.some((axis) => (entry[axis] ?? one[axis]) !== one[axis]))
        const added = include.some(
          (entry) => entry[0] === a && entry[1] === b && (replicated ? c < sizes[2]! : entry[2] === c),
        )
        if ((crossed && left) || added) found.push(one)
      }
  return found
}

interface Wanted {
  id: string
  inputs: { [name: string]: string }
  needs: string[]
}

/** The nodes by definition: one stage after the other, for all combinations, looking at all of the others. */
function bruteForce(model: Model): { nodes: Wanted[]; absent: string[] } {
  const { sizes, on, include, stages } = model
  const all = assignments(model)
  // Values that only `include` names follow those of the axis, in the order in which it names them.
  const order = AXES.map((_, i) => {
    const values = Array.from({ length: sizes[i]! }, (_, v) => v)
    for (const entry of include) if (!values.includes(entry[i]!)) values.push(entry[i]!)
    return values
  })
  const axes: AxisName[][] = []
  for (const [i, { params, when, links }] of stages.entries()) {
    const mine = new Set<AxisName>([...params, ...(when ? [when] : [])])
    for (const [j, link] of links.slice(0, i).entries())
      if (link === 'read') for (const axis of axes[j]!) mine.add(axis)
    axes.push(AXES.filter((axis) => mine.has(axis)))
  }
  const label = (some: readonly AxisName[], one: Assignment) => some.map((axis) => `${axis}=${one[axis]}`).join(',')
  const id = (i: number, one: Assignment) => (axes[i]!.length === 0 ? `s${i}` : `s${i}[${label(axes[i]!, one)}]`)
  const agree = (i: number, j: number, one: Assignment) => {
    const shared = axes[i]!.filter((axis) => axes[j]!.includes(axis))
    return all.filter((other) => shared.every((axis) => other[axis] === one[axis]))
  }
  const present = new Map<string, Wanted>()
  const absent = new Set<string>()
  for (const [i, { when, links }] of stages.entries()) {
    for (const one of all) {
      const inputs: { [name: string]: string } = {}
      const needs = new Set<string>()
      let there = when === undefined || on[AXES.indexOf(when)]![one[when]]!
      for (const [j, link] of links.slice(0, i).entries()) {
        if (link === 'read') {
          if (!present.has(id(j, one))) there = false
          inputs[`inputs/read${j}`] = id(j, one)
        } else if (link === 'list') {
          const members = agree(i, j, one).filter((other) => present.has(id(j, other)))
          if (members.length === 0) there = false
          const folded = axes[j]!.filter((axis) => !axes[i]!.includes(axis))
          for (const other of members) inputs[`inputs/list${j}/${label(folded, other) || 'only'}`] = id(j, other)
        } else if (link === 'after')
          for (const other of agree(i, j, one)) if (present.has(id(j, other))) needs.add(id(j, other))
      }
      for (const other of Object.values(inputs)) needs.add(other)
      if (there) present.set(id(i, one), { id: id(i, one), inputs, needs: [...needs].sort() })
      else absent.add(id(i, one))
    }
  }
  const ordered: Wanted[] = []
  const sorted = [...all].sort((one, other) => {
    const by = AXES.map((axis, i) => order[i]!.indexOf(one[axis]) - order[i]!.indexOf(other[axis]))
    return by.find((difference) => difference !== 0) ?? 0
  })
  const left = fileOrder(model)
  while (left.length > 0) {
    const i = left.find((candidate) =>
      stages[candidate]!.links.slice(0, candidate).every((link, j) => link === 'none' || !left.includes(j)),
    )!
    left.splice(left.indexOf(i), 1)
    const ids = axes[i]!.length === 0 ? [`s${i}`] : projected(sorted, axes[i]!, order).map((one) => id(i, one))
    for (const one of ids) if (present.has(one)) ordered.push(present.get(one)!)
  }
  return { nodes: ordered, absent: [...absent].sort() }
}

/** The combinations as far as these axes go, ordered by these axes. */
function projected(all: readonly Assignment[], axes: readonly AxisName[], order: readonly number[][]): Assignment[] {
  return [...all].sort((one, other) => {
    for (const axis of axes) {
      const values = order[AXES.indexOf(axis)]!
      const difference = values.indexOf(one[axis]) - values.indexOf(other[axis])
      if (difference !== 0) return difference
    }
    return 0
  })
}

test('nodes, inputs, needs and order are those of a brute-force expansion of the sweep', () => {
  const project = new Project()
  const seen = { lists: 0, absent: 0, nothing: 0, included: 0 }
  fc.assert(
    fc.property(modelArbitrary, (model) => {
      const { graph, diagnostics } = project.load(written(model))
      if (assignments(model).length === 0) {
        expect(diagnostics.map(({ code }) => code)).toContain('sweep')
        return
      }
      const wanted = bruteForce(model)
      const nodes = [...new Map(wanted.nodes.map((node) => [node.id, node])).values()]
      if (nodes.length === 0) {
        seen.nothing++
        expect(diagnostics.map(({ code }) => code)).toContain('when')
        return
      }
      const errors = diagnostics.filter(({ severity }) => severity === 'error')
      expect(errors).toEqual([])
      const found = [...graph!.nodes.values()].map(({ id, inputs, needs }) => ({
        id,
        inputs: Object.fromEntries([...inputs].map(([name, ref]) => [name, ref.type === 'stage' ? ref.node : ''])),
        needs: [...needs].sort(),
      }))
      expect(found).toEqual(nodes)
      expect(graph!.absent.map(({ id }) => id).sort()).toEqual(wanted.absent)
      if (nodes.some(({ inputs }) => Object.keys(inputs).some((name) => name.includes('/list')))) seen.lists++
      if (wanted.absent.length > 0) seen.absent++
      if (model.include.length > 0) seen.included++
    }),
    { seed: 3, numRuns: 400 },
  )
  // A property that never meets its cases would hold for anything.
  for (const times of Object.values(seen)) expect(times).toBeGreaterThan(10)
})
