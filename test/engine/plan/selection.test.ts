import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namedNodes, unknownName } from '../../../engine/plan/named-nodes.ts'
import type { Graph, InputRef, NodeId } from '../../../engine/plan/node.ts'
import { type SelectionRequest, selectNodes } from '../../../engine/plan/selection.ts'
import { graphNode } from '../report/fixtures/nodes.ts'

const llm: InputRef = { type: 'llm', name: 'writer', block: {}, folder: '/', identity: 'x' }

/** A graph of stages without axes; `needs` holds, for each stage, the numbers of earlier ones. */
function graphOf(needs: readonly (readonly number[])[]): Graph {
  const name = (at: number): NodeId => `s${at}` as NodeId
  const inputs = new Map([['model', llm]])
  const nodes = needs.map((needed, at) => graphNode(name(at), {}, { needs: needed.map(name), inputs }))
  const dependents = new Map<NodeId, NodeId[]>(nodes.map(({ id }) => [id, []]))
  for (const { id, needs: needed } of nodes) for (const need of needed) dependents.get(need)?.push(id)
  return { nodes: new Map(nodes.map((node) => [node.id, node])), dependents } as unknown as Graph
}

const numbers = fc.array(fc.nat(6), { maxLength: 2 })
const graphs = fc
  .array(fc.array(fc.nat(6), { maxLength: 3 }), { minLength: 7, maxLength: 7 })
  .map((all) => all.map((needs, at) => [...new Set(needs)].filter((need) => need < at)))

test('what is chosen is closed under needs, holds what was named and all after --from, and nothing else', () => {
  fc.assert(
    fc.property(graphs, numbers, numbers, numbers, numbers, (needs, only, from, force, reobserve) => {
      const names = (list: number[]): string[] => list.map((at) => `s${at}`)
      const wanted = { only: names(only), from: names(from), force: names(force), reobserve: names(reobserve) }
      const selection = selectNodes(graphOf(needs), wanted)
      const reaches = (a: number, b: number): boolean =>
        a === b || (needs[a] as number[]).some((need) => reaches(need, b))
      const all = needs.map((_, at) => at)
      const last = all.filter((at) => only.includes(at) || from.some((one) => reaches(at, one)))
      const chosen = all.filter((at) => only.length + from.length === 0 || last.some((one) => reaches(one, at)))
      const useless = [...force, ...reobserve].some((at) => !chosen.includes(at))
      expect('problems' in selection).toBe(useless)
      if ('problems' in selection) return
      expect([...selection.nodes].sort()).toEqual(names(chosen))
      expect(new Set(selection.reobserved)).toEqual(new Set(names(reobserve)))
      expect(new Set(selection.forced)).toEqual(new Set(names(force.filter((at) => !reobserve.includes(at)))))
    }),
    { seed: 4, numRuns: 400 },
  )
})

const nodes = [
  graphNode('passages', { scale: '1' }),
  ...['1', '3'].flatMap((density) => ['a,b', 'c'].map((scale) => graphNode('queries', { density, scale }))),
  graphNode('judged'),
]
// Labels are percent-encoded in ids, as far as they would end one.
const ids = nodes.map((node) =>
  node.variant.scale === 'a,b' ? { ...node, id: node.id.replace('a,b', 'a%2Cb') } : node,
)
const sweep = { nodes: new Map(ids.map((node) => [node.id as NodeId, { ...node, id: node.id as NodeId }])) }

test.each([
  ['judged', 1],
  ['queries', 4],
  ['queries[density=3]', 2],
  ['queries[density=3,scale=c]', 1],
  ['queries[scale=c, density=3]', 1],
  ['queries[density=3,scale=a%2Cb]', 1],
  ['queries[density=2]', 0],
  ['queries[depth=3]', 0],
  ['queries[density=3', 0],
  ['judged[density=3]', 0],
  ['[density=3]', 0],
  ['', 0],
])('%s means %i nodes', (name, count) => {
  expect(namedNodes(sweep, name)).toHaveLength(count)
})

test('a name that no node has is answered with one that is near, or with a node of that stage', () => {
  expect(unknownName(sweep, 'querys')).toContain('Did you mean queries?')
  expect(unknownName(sweep, 'queries[dense=3]')).toContain('Did you mean queries[')
  expect(unknownName(sweep, 'x')).toBe('the pipeline has no stage or node x')
})

test('a request without names is everything, and problems of several names are told at once', () => {
  const graph = graphOf([[], [0], [1]])
  const request: SelectionRequest = { only: ['nothing'], force: ['none'] }
  expect(selectNodes(graph, request)).toEqual({
    problems: ['the pipeline has no stage or node nothing', 'the pipeline has no stage or node none'],
  })
  expect(selectNodes(graph, {})).toMatchObject({ nodes: new Set(['s0', 's1', 's2']) })
})
