import { expect, test } from 'vitest'
import type { ActionRecord } from '../../../cache/action-log.ts'
import type { RowKey } from '../../../cache/digest.ts'
import type { Store } from '../../../cache/store.ts'
import type { Decision } from '../../../engine/plan/decision.ts'
import { Estimator } from '../../../engine/plan/estimate.ts'
import { History } from '../../../engine/plan/history.ts'
import type { GraphNode, NodeId } from '../../../engine/plan/node.ts'
import { type EstimatedPlan, estimatePlan } from '../../../engine/plan/plan-estimate.ts'
import type { Estimate } from '../../../stages/define.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { graphNode, record } from '../report/fixtures/nodes.ts'

const RUN: Decision = { kind: 'run', reasons: [{ kind: 'never-ran' }] }
const keys = (...numbers: number[]): RowKey[] => numbers.map((n) => `sha256:${n}` as RowKey)

/** Nodes whose stages estimate what a test says, with a past and stored rows (by the round they were observed in). */
async function estimated(
  facts: readonly {
    node: GraphNode
    says?: Estimate
    decision?: Decision
    past?: { seconds: number; sent?: number; cached?: number }
  }[],
  options: { slots?: number; stored?: { [row: number]: number }; rounds?: { [node: string]: number } } = {},
): Promise<EstimatedPlan> {
  const nodes = facts.map(({ node, says }) => {
    const definition = { ...node.definition, ...(says ? { estimate: async () => says } : {}) }
    return { ...node, definition } as GraphNode
  })
  const records = new Map<string, ActionRecord>()
  for (const { node, past } of facts) {
    if (!past) continue
    const requests = { sent: past.sent ?? 0, cached: past.cached ?? 0, failed: 0 }
    records.set(node.id, { ...record(node.id), seconds: past.seconds, requests })
  }
  const rounds = new Map(Object.entries(options.stored ?? {}).map(([row, round]) => [`sha256:${row}`, round]))
  const known = async (wanted: readonly RowKey[], round = 0): Promise<Set<RowKey>> =>
    new Set(wanted.filter((key) => (rounds.get(key) ?? -1) >= round))
  const graph = new Map(nodes.map((node) => [node.id, node]))
  const signal = new AbortController().signal
  const store = { root: temporaryFolder(), rows: { known } } as unknown as Store
  const estimator = new Estimator(store, graph, () => undefined, signal)
  const head = ({ node }: { node: string }): { key: ActionRecord['key']; record: ActionRecord } | undefined => {
    const found = records.get(node)
    return found && { key: found.key, record: found }
  }
  const history = new History({ head }, (node) => ({ project: '.', pipeline: 'p', node }), nodes)
  const decided = nodes.map((node, at) => ({ node, decision: facts[at]?.decision ?? RUN }))
  return estimatePlan(decided, estimator, history, {
    rounds: new Map(Object.entries(options.rounds ?? {})) as Map<NodeId, number>,
    slots: options.slots ?? 1,
  })
}

const queries = (density: string): GraphNode => graphNode('queries', { density })

test('a row that several nodes need counts once, and costs once', async () => {
  const plan = await estimated(
    [
      { node: queries('1'), says: { exact: true, keys: keys(1, 2, 3, 4), tokens: 400, money: 4 } },
      { node: queries('2'), says: { exact: true, keys: keys(1, 2, 3, 4, 5, 6, 7, 8), tokens: 800, money: 8 } },
    ],
    { stored: { 1: 0, 2: 0 } },
  )
  expect(plan.nodes.map(({ estimate }) => [estimate.requests, estimate.cached_requests])).toEqual([
    [2, 2],
    [6, 2],
  ])
  expect(plan).toMatchObject({ requests: 6, cachedRequests: 2 })
  // 200 for two rows of the first node; of 600 for six rows of the second, those of the four that are new.
  expect(plan.estimate).toMatchObject({ exact: true, tokens: 600, money: 6 })
})

test('rows that are asked for again are missing, and count as served nowhere', async () => {
  const says = { exact: true, keys: keys(1, 2, 3) }
  const plan = await estimated(
    [
      { node: queries('1'), says },
      { node: queries('2'), says },
    ],
    {
      stored: { 1: 0, 2: 0, 3: 5 },
      rounds: { 'queries[density=1]': 5 },
    },
  )
  expect(plan.nodes.map(({ estimate }) => [estimate.requests, estimate.cached_requests])).toEqual([
    [2, 1],
    [0, 3],
  ])
  expect(plan).toMatchObject({ requests: 2, cachedRequests: 1 })
})

test('requests that can not be counted are those of the past, marked as a guess; without a past not known', async () => {
  const uncounted = { exact: false }
  const plan = await estimated([
    { node: queries('1'), says: uncounted, past: { seconds: 60, sent: 20, cached: 10 } },
    { node: queries('2'), says: uncounted },
    { node: queries('3'), says: { exact: true, keys: keys(1, 2), tokens: 50 } },
    { node: graphNode('others'), says: uncounted },
  ])
  const [own, variant, counted, none] = plan.nodes.map(({ estimate }) => estimate)
  expect(own).toEqual({ exact: false, requests: 30, cached_requests: 0, tokens: 750, seconds: 90, money: null })
  expect(variant).toMatchObject({ exact: false, requests: 30, seconds: 90 })
  expect(counted).toMatchObject({ exact: true, requests: 2, tokens: 50, seconds: 6 })
  expect(none).toEqual({
    exact: false,
    unknown: true,
    requests: 0,
    cached_requests: 0,
    tokens: null,
    seconds: null,
    money: null,
  })
  expect(plan.estimate).toMatchObject({
    exact: false,
    seconds: 186,
    unknown_seconds: 1,
    unknown_requests: 1,
    tokens: null,
  })
})

test('the whole takes as long as its longest chain, or all of its work over the slots, whichever is more', async () => {
  const chain = ['a', 'b', 'c', 'd'].map((stage, at) => ({
    node: graphNode(stage, {}, { needs: at === 1 ? ['a' as NodeId] : [] }),
    past: { seconds: 10 * (at + 1) },
  }))
  const seconds = async (slots: number): Promise<number | null> => (await estimated(chain, { slots })).estimate.seconds
  expect(await seconds(1)).toBe(100)
  expect(await seconds(2)).toBe(50)
  expect(await seconds(8)).toBe(40)
  const cached = chain.map((one) => ({ ...one, decision: { kind: 'cached', record: record(one.node.id) } as Decision }))
  expect((await estimated(cached)).estimate).toMatchObject({ seconds: 0, unknown_seconds: 0, tokens: 0, money: null })
})

test('time is not known where no node tells it, and partly known where some do', async () => {
  const nodes = [{ node: graphNode('a') }, { node: graphNode('b'), says: { exact: true, keys: keys(1) } }]
  expect((await estimated(nodes)).estimate).toMatchObject({ seconds: null, unknown_seconds: 2, tokens: null })
  const some = [{ node: graphNode('a'), past: { seconds: 5 } }, nodes[1] as (typeof nodes)[number]]
  expect((await estimated(some)).estimate).toMatchObject({ seconds: 5, unknown_seconds: 1 })
})
