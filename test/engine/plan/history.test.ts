import { expect, test } from 'vitest'
import type { ActionRecord } from '../../../cache/action-log.ts'
import { History } from '../../../engine/plan/history.ts'
import type { GraphNode, NodeId } from '../../../engine/plan/node.ts'
import { graphNode, record } from '../report/fixtures/nodes.ts'

type Past = { seconds: number; sent?: number; cached?: number }

const other = graphNode('judged')
const queries = ['1', '2', '3'].map((density) => graphNode('queries', { density }))
const [one, two, three] = queries as [GraphNode, GraphNode, GraphNode]
const NOTHING = { requests: 0, cached_requests: 0 }

function historyOf(past: { readonly [node: string]: Past }): History {
  const records = new Map<string, ActionRecord>()
  for (const [node, { seconds, sent = 0, cached = 0 }] of Object.entries(past)) {
    records.set(node, { ...record(node as NodeId), seconds, requests: { sent, cached, failed: 0 } })
  }
  const head = ({ node }: { node: string }): { key: ActionRecord['key']; record: ActionRecord } | undefined => {
    const found = records.get(node)
    return found && { key: found.key, record: found }
  }
  return new History({ head }, (node) => ({ project: '.', pipeline: 'p', node }), [...queries, other])
}

test('a node takes as long as it took, in proportion to its new requests', () => {
  const history = historyOf({ [one.id]: { seconds: 12 }, [two.id]: { seconds: 60, sent: 120, cached: 40 } })
  expect(history.seconds(one, NOTHING)).toBe(12)
  expect(history.seconds(two, { requests: 30, cached_requests: 130 })).toBe(15)
})

test('without a result of its own, other variants of its stage tell, their median; then stages of its type', () => {
  const variants = historyOf({
    [one.id]: { seconds: 10, sent: 10 },
    [two.id]: { seconds: 30, sent: 10 },
    [other.id]: { seconds: 1000, sent: 1 },
  })
  expect(variants.seconds(three, { requests: 10, cached_requests: 0 })).toBe(20)
  expect(historyOf({ [other.id]: { seconds: 7 } }).seconds(three, NOTHING)).toBe(7)
})

test('what nothing tells stays unknown', () => {
  expect(historyOf({}).seconds(one, NOTHING)).toBeNull()
  // Stored answers say nothing of how long a model takes, nor the other way round.
  const stored = historyOf({ [one.id]: { seconds: 2, cached: 100 } })
  expect(stored.seconds(one, { requests: 50, cached_requests: 50 })).toBeNull()
  expect(stored.seconds(one, { requests: 0, cached_requests: 50 })).toBe(1)
  expect(
    historyOf({ [one.id]: { seconds: 60, sent: 60 } }).seconds(one, { requests: 0, cached_requests: 60 }),
  ).toBeNull()
})

test('the rows of a node whose requests cannot be counted are those it had, else those of its stage, never of another', () => {
  const history = historyOf({ [one.id]: { seconds: 1, sent: 3, cached: 4 }, [two.id]: { seconds: 1, sent: 9 } })
  expect(history.rows(one)).toBe(7)
  expect(history.rows(three)).toBe(8)
  expect(history.rows(other)).toBeNull()
})
