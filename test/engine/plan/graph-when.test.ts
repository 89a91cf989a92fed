import { describe, expect, test } from 'vitest'
import { absentText } from '../../../engine/report/absent-text.ts'
import { Project, told } from '../parse/project.ts'

const load = (text: string, options = {}) => new Project().load(`version: 1\n${text}`, options)

function nodesOf(text: string, options = {}): { nodes: string[]; absent: unknown[] } {
  const { graph, diagnostics } = load(text, options)
  expect(told(diagnostics)).toEqual([])
  return {
    nodes: [...graph!.nodes.keys()],
    absent: graph!.absent.map(({ id, because }) => [id, because.kind === 'when' ? 'when' : because.on]),
  }
}

const CHAIN = `
  made: { uses: command, when: WHEN, with: { run: x, outputs: { o: folder } } }
  read: { uses: command, with: { run: x, inputs: { i: "\${stages.made.o}" }, outputs: { o: folder } } }
  last: { uses: command, with: { run: x, inputs: { i: "\${stages.read.o}" } } }
  later: { uses: command, after: [made], with: { run: x } }
`

describe('when', () => {
  test('leaves out a stage and all that reads it, but not what merely comes after it', () => {
    const text = `params: { on: false }\nstages: ${CHAIN.replace('WHEN', '"${params.on}"')}`
    expect(nodesOf(text)).toEqual({
      nodes: ['later'],
      absent: [
        ['made', 'when'],
        ['read', ['made']],
        ['last', ['read']],
      ],
    })
    expect(nodesOf(text, { params: { on: 'true' } })).toEqual({ nodes: ['made', 'read', 'last', 'later'], absent: [] })
  })

  test('is told with the number of nodes and the reason', () => {
    const { graph } = load(RETRIEVERS.replace('trained: true, base: y', 'trained: false'))
    expect(absentText(graph!.absent)).toBe(
      'left out: 2 nodes of model (its `when` is false), 2 nodes of measured (reads model)',
    )
  })

  test('is no order for what comes after, and no need', () => {
    const { graph } = load(`stages: ${CHAIN.replace('WHEN', 'false')}`)
    expect(graph?.nodes.get('later' as never)?.needs).toEqual([])
  })

  const RETRIEVERS = `
params: { r: {} }
stages:
  model: { uses: command, when: "\${params.r.trained}", with: { run: "\${params.r.base}", outputs: { m: folder } } }
  measured: { uses: command, with: { run: x, inputs: { m: "\${stages.model.m}" }, outputs: { s: file } } }
  all: { uses: command, with: { run: x, inputs: { s: "\${stages.measured.s[*]}" } } }
sweep: { axes: { r: [{ name: bm25, trained: false }, { name: e5, trained: true, base: y }, { name: gte, trained: true, base: z }] } }
`

  test('may differ between variants, and what is left out needs no values', () => {
    const { nodes, absent } = nodesOf(RETRIEVERS)
    expect(nodes).toEqual(['model[r=e5]', 'model[r=gte]', 'measured[r=e5]', 'measured[r=gte]', 'all'])
    expect(absent).toEqual([
      ['model[r=bm25]', 'when'],
      ['measured[r=bm25]', ['model[r=bm25]']],
    ])
  })

  test('takes its variants out of lists; a list of which nothing is left leaves out its reader', () => {
    const { graph } = load(RETRIEVERS)
    expect([...graph!.nodes.get('all' as never)!.inputs.keys()]).toEqual(['inputs/s/r=e5', 'inputs/s/r=gte'])
    const none = RETRIEVERS.replaceAll('trained: true', 'trained: false').replace(
      'sweep:',
      '  alone: { uses: command, with: { run: x } }\nsweep:',
    )
    expect(nodesOf(none).nodes).toEqual(['alone'])
    expect(nodesOf(none).absent.at(-1)).toEqual(['all', ['measured[r=bm25]', 'measured[r=e5]', 'measured[r=gte]']])
  })

  test('that leaves nothing is an error with advice', () => {
    const { graph, diagnostics } = load(
      'params: { on: false }\nstages:\n  a: { uses: command, when: "${params.on}", with: { run: x } }\n',
    )
    expect(graph).toBeUndefined()
    expect(told(diagnostics)).toEqual([
      '4:29 when nothing is left of the pipeline: this `when` is false, and all else needs what it leaves out',
    ])
    expect(diagnostics[0]?.advice).toContain('-p')
  })

  test('does not keep mistakes of a stage that is never there from being told', () => {
    const { diagnostics } = load(
      `stages:
  made: { uses: command, when: false, with: { run: "\${params.gone}", outputs: { o: folder } } }
  sampled: { uses: sample, when: false, with: {} }
  read: { uses: command, with: { run: x, inputs: { a: "\${stages.sampled.wrong}" } } }
`,
    )
    expect(told(diagnostics)).toEqual([
      '3:53 unknown-reference there is no param `gone`',
      '5:56 unknown-reference stage `sampled` has no output `wrong`',
    ])
  })

  test.each([
    ['a stage', '"${stages.b.o}"', 'only references to params can stand in `when`, and `${stages.b.o}` is none'],
    ['a text', 'maybe', '`when` must be true or false, but is "maybe"'],
    ['a param that is no boolean', '"${params.n}"', '`when` must be true or false, but is 3 (from `${params.n}`)'],
  ])('that depends on %s is refused', (_title, when, message) => {
    const { diagnostics } = load(
      `params: { n: 3 }\nstages:\n  a: { uses: command, when: ${when}, with: { run: x } }\n  b: { uses: command, with: { run: x, outputs: { o: file } } }\n`,
    )
    expect(diagnostics.map((one) => one.message)).toEqual([message])
    expect(diagnostics[0]?.line).toBe(4)
  })

  test('may leave out a stage that the report names', () => {
    const text = `stages: ${CHAIN.replace('WHEN', 'false')}report: { baseline: made, labels: { read: Read } }\n`
    expect(nodesOf(text).nodes).toEqual(['later'])
  })
})
