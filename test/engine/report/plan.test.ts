import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import type { Plan, PlanEstimate, StaleReason } from '../../../engine/plan/decision.ts'
import type { InputRef, NodeId } from '../../../engine/plan/node.ts'
import { explanationJson, explanationText } from '../../../engine/report/explanation.ts'
import { planJson } from '../../../engine/report/plan-json.ts'
import { planText } from '../../../engine/report/plan-text.ts'
import { reasonPhrase, reasonText } from '../../../engine/report/reason-text.ts'
import { isFresh, statusText } from '../../../engine/report/status-text.ts'
import { unifiedDiff } from '../../../engine/util/line-diff.ts'
import { digest, graphNode, planned, planOf, record } from './fixtures/nodes.ts'

const prompt = ['Passage: {{text}}', '', 'Write a query that it answers.', 'Query:', '']
const reasons: readonly StaleReason[] = [
  { kind: 'never-ran' },
  {
    kind: 'option',
    path: 'prompt/user',
    old: prompt.join('\n'),
    new: prompt.join('\n').replace('a query', 'a short query'),
    diff: unifiedDiff(prompt.join('\n'), prompt.join('\n').replace('a query', 'a short query')),
  },
  { kind: 'option', path: 'per_passage', old: 2, new: 3 },
  { kind: 'option', path: 'decoding/top_p', new: 0.9 },
  { kind: 'option', path: 'decoding/seed', old: 1 },
  { kind: 'input', input: 'passages', from: 'passages' },
  { kind: 'input', input: 'dataset', from: 'dataset scifact', part: 'corpus' },
  { kind: 'model', input: 'model', path: 'sha256', old: 'b179', new: 'c200' },
  { kind: 'environment', name: 'LANG' },
  { kind: 'stage-version', old: 1, new: 2 },
  { kind: 'output', output: 'pairs', file: 'pairs.jsonl', problem: 'missing' },
  { kind: 'forgotten' },
  { kind: 'incomplete', rows: 12 },
  { kind: 'forced' },
  { kind: 'reobserved' },
]

const queries = planned(
  graphNode(
    'queries',
    { density: '3' },
    {
      options: {
        passages: { $input: 'passages' },
        per_passage: 3,
        decoding: { temperature: 0.7 },
        concurrency: 8,
      },
      inputs: new Map<string, InputRef>([
        ['passages', { type: 'stage', node: 'passages' as NodeId, output: 'passages', kind: 'passages' }],
        ['prompt', { type: 'prompt', path: 'prompts/few-shot.yaml', value: { user: 'Passage: {{text}}' } }],
      ]),
    },
  ),
  { kind: 'run', reasons: reasons.slice(1, 3) },
  { requests: 1234, cached_requests: 2400, tokens: 98_765, seconds: 75 },
  {
    stage: 'generate',
    version: 1,
    options: { per_passage: 3, decoding: { temperature: 0.7 } },
    inputs: { passages: { artifact: digest('cd') }, prompt: { prompt: { user: 'Passage: {{text}}' } } },
    env: {},
  },
)
const passages = graphNode('passages')
const small = planOf(
  [
    planned(passages, { kind: 'cached', record: record(passages.id) }),
    queries,
    planned(graphNode('kept', { density: '3' }), { kind: 'pending', on: [queries.node.id] }),
    planned(
      graphNode('judged'),
      { kind: 'pending', on: ['kept[density=3]' as NodeId] },
      { exact: false, requests: 300, seconds: null },
    ),
  ],
  { seconds: 75, tokens: null, unknown_seconds: 2 },
)

test('a plan is a table with a decision, requests and a reason for each node, and totals', async () => {
  await expect(planText(small)).toMatchFileSnapshot('./golden/plan.txt')
})

test('--explain adds every reason in full, with a changed prompt as a difference by lines', async () => {
  const text = planText(small, { explain: true })
  expect(text).toContain('-Write a query that it answers.\n')
  await expect(text).toMatchFileSnapshot('./golden/plan-explain.txt')
})

test('--explain tells a cause that several nodes have once, and of what follows only that it does', () => {
  const forced = { kind: 'run', reasons: [{ kind: 'forced' }] } as const
  const nodes = [1, 2, 3, 4, 5, 6].map((seed) => planned(graphNode('model', { seed: String(seed) }), forced, {}))
  const after = planned(graphNode('scores', {}), { kind: 'pending', on: nodes.map(({ node }) => node.id) }, {})
  const text = planText(planOf([...nodes, after]), { explain: true })
  expect(text.match(/forced: it is executed again/g)).toHaveLength(1)
  expect(text).toContain('the same holds for model[seed=2], model[seed=3], model[seed=4] and 2 more nodes')
  expect(text).toMatch(/^ {2}scores follows model\[seed=1\], /m)
})

test('nodes of a large sweep that fare alike share a line', async () => {
  const nodes = Array.from({ length: 20 }, (_, i) => [
    planned(
      graphNode('queries', { density: String(i) }),
      i < 3
        ? { kind: 'cached', record: record('queries' as NodeId) }
        : { kind: 'run', reasons: [{ kind: 'option', path: 'max_words', old: 60, new: 80 }] },
      i < 3 ? {} : { requests: 100, cached_requests: 20 },
    ),
    planned(graphNode('kept', { density: String(i) }), { kind: 'pending', on: [`queries[density=${i}]` as NodeId] }),
  ]).flat()
  await expect(planText(planOf(nodes))).toMatchFileSnapshot('./golden/plan-grouped.txt')
})

test('every kind of reason is told in words, short and in full', async () => {
  const lines = reasons.flatMap((reason) => [reasonPhrase(reason), reasonText(reason), ''])
  await expect(lines.join('\n')).toMatchFileSnapshot('./golden/reasons.txt')
})

test('an explanation lists key, inputs with digests, and which options decide the result and which do not', async () => {
  await expect(explanationText(queries)).toMatchFileSnapshot('./golden/explanation.txt')
  expect(explanationJson(queries)).toMatchObject({
    id: 'queries[density=3]',
    key: digest('ab'),
    inputs: { passages: { from: 'passages, output passages', identity: { artifact: digest('cd') } } },
    options: { deciding: { per_passage: 3, 'decoding/temperature': 0.7 }, other: { concurrency: 8 } },
  })
})

test('an explanation tells which run made the result, and under which key and why somebody accepted it', async () => {
  const accepted = { why: 'a comment\n  \u001b[31mchanged', from: digest('ee'), at: '2026-11-23T08:00:00.000Z' }
  const made = record(passages.id)
  const env = { env: { LANG: 'de' }, passEnv: ['TOKEN'], timeoutMs: 90_000, retry: { attempts: 3, backoffMs: 1 } }
  const cached = planned(graphNode('passages', {}, env), { kind: 'cached', record: { ...made, accepted } })
  const stale = { ...planned(passages, { kind: 'run', reasons: [{ kind: 'forced' }] }), last: { ...made, round: 2 } }
  const text = [cached, stale].map(explanationText).join('\n\n')
  await expect(text).toMatchFileSnapshot('./golden/explanation-record.txt')
  expect(planText(planOf([cached]))).toMatch(/^passages +cached +accepted: a comment changed$/m)
  expect(planJson(planOf([cached])).nodes[0]).toMatchObject({ decision: 'cached', accepted })
  expect(explanationJson(cached)).toMatchObject({ record: { run: made.run, engine: made.engine, accepted } })
  expect(explanationJson(stale)).toMatchObject({ resources: { cpus: 1 }, record: { run: made.run, accepted: null } })
})

test('an explanation shows what was seen of the execution: hardware, versions, speed; and what models were asked', () => {
  const observed = {
    training: {
      device: 'NVIDIA H100 80GB HBM3',
      versions: { torch: '2.9.1\u001b[31m' },
      rows_per_second: 812.345_678,
      peak_memory: 123,
      resumed_from: null,
    },
  }
  const use = {
    new: 240,
    cached: 3,
    retried: 0,
    failed: 0,
    input_tokens: 12_000,
    output_tokens: 4_000,
    uncounted: 0,
    seconds: 25,
    money: null,
  }
  const made = { ...record(passages.id), observed, models: { writer: use } }
  const cached = planned(passages, { kind: 'cached', record: made })
  const lines = explanationText(cached).split('\n')
  const at = lines.indexOf('  what was seen when it was made:')
  expect(lines.slice(at + 1)).toEqual([
    '    training/device           NVIDIA H100 80GB HBM3',
    '    training/versions/torch   2.9.1',
    '    training/rows per second  812.35',
    '    training/peak memory      123',
    '    training/resumed from     null',
  ])
  expect(lines).toContain('    writer  240 answers, 12,000 tokens in, 4,000 out (160/s), 3 from the store')
  expect(explanationJson(cached).record).toMatchObject({ observed, models: { writer: use } })
  // What is not up to date any more tells of the result that it had.
  const stale = { ...planned(passages, { kind: 'run', reasons: [{ kind: 'forced' }] }), last: made }
  expect(explanationText(stale)).toContain('NVIDIA H100 80GB HBM3')
})

test('what a plan comes to is told with what is not known of it', () => {
  const node = planned(passages, { kind: 'run', reasons: [{ kind: 'never-ran' }] })
  const lastLine = (estimate: Partial<PlanEstimate>): string | undefined =>
    planText(planOf([node], estimate))
      .split('\n')
      .at(-1)
  expect(lastLine({ seconds: 250, slots: 4 })).toBe('estimate: about 4 min on 4 CPU slots')
  expect(lastLine({ seconds: 0.2, slots: 1 })).toBe('estimate: less than 1 s on 1 CPU slot')
  expect(lastLine({ seconds: 7770, unknown_seconds: 1 })).toBe(
    'estimate: about 2 h 10 min on 2 CPU slots, and 1 node of which it is not known',
  )
  expect(lastLine({ tokens: 9876, money: 0.1234 })).toBe(
    'estimate: time not known; about 9,876 tokens; costs about 0.12 by the prices of the models',
  )
  expect(lastLine({ tokens: null, money: 0.0001 })).toBe(
    'estimate: time not known; tokens not known; costs less than 0.01 by the prices of the models',
  )
})

test('of requests that nothing can count before something has run, it is said what has to run, and no number', () => {
  const run = { kind: 'run' as const, reasons: [{ kind: 'never-ran' as const }] }
  const after = (stage: string) => ({ kind: 'pending' as const, on: [stage as NodeId] })
  const nothing = { exact: false, unknown: true as const, seconds: null }
  const judged = planned(graphNode('judged'), after('queries[density=3]'), nothing)
  const totals = (plan: Plan): string | undefined => planText(plan).split('\n').at(-2)
  const only = planOf([planned(passages, run), judged])
  expect(totals(only)).toBe('2 nodes: 1 run, 1 pending; how many judged sends is not known until queries has run')
  expect(planText(only)).toMatch(/^judged +pending +\? +follows queries\[density=3\]$/m)
  expect(totals(planOf([planned(passages, run, { requests: 7, cached_requests: 2 }), judged]))).toBe(
    '2 nodes: 1 run, 1 pending; at least 7 requests to send, 2 answered from the store; ' +
      'how many judged sends is not known until queries has run',
  )
  expect(explanationText(judged)).toContain('estimate: requests not known until queries has run, time not known')
  expect(totals(planOf([planned(graphNode('judged'), run, nothing)]))).toContain('is not known before it runs')
  // Of a stage whose nodes are partly known, the sum says that there is more.
  const many = Array.from({ length: 31 }, (_, i) =>
    planned(graphNode('judged', { v: `${i}` }), after('kept'), i === 0 ? nothing : { exact: false, requests: 10 }),
  )
  expect(planText(planOf(many))).toMatch(/^judged \(31 nodes\) +pending +~300 \+ \? +follows kept$/m)
})

test('plan --json keeps to its contract', () => {
  const count = { type: 'integer', minimum: 0 }
  const amount = { type: ['number', 'null'] }
  const object = (properties: object): object => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  })
  const schema = object({
    schema: { const: 1 },
    nodes: {
      type: 'array',
      items: object({
        id: { type: 'string' },
        stage: { type: 'string' },
        uses: { type: 'string' },
        variant: { type: 'object', additionalProperties: { type: 'string' } },
        decision: { enum: ['cached', 'fetch', 'run', 'pending'] },
        reasons: { type: 'array', items: { type: 'object', required: ['kind'] } },
        estimate: {
          ...object({
            exact: { type: 'boolean' },
            requests: count,
            cached_requests: count,
            tokens: amount,
            seconds: amount,
            money: amount,
          }),
          additionalProperties: { const: true },
          propertyNames: {
            enum: ['exact', 'requests', 'cached_requests', 'tokens', 'seconds', 'money', 'unknown'],
          },
        },
      }),
    },
    absent: {
      type: 'array',
      items: object({
        id: { type: 'string' },
        stage: { type: 'string' },
        because: { enum: ['when', 'needs'] },
        on: { type: 'array', items: { type: 'string' } },
      }),
    },
    totals: object({
      cached: count,
      fetch: count,
      run: count,
      pending: count,
      requests: count,
      cached_requests: count,
    }),
    estimate: object({
      exact: { type: 'boolean' },
      tokens: amount,
      money: amount,
      seconds: amount,
      slots: count,
      unknown_seconds: count,
      unknown_requests: count,
    }),
  })
  const printed = JSON.parse(JSON.stringify(planJson(small)))
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema)
  expect(validate(printed), JSON.stringify(validate.errors)).toBe(true)
  expect(printed.nodes[1]).toMatchObject({
    uses: 'generate',
    decision: 'run',
    estimate: { exact: true, requests: 1234 },
  })
  expect(printed.nodes[2].reasons).toEqual([{ kind: 'follows', on: ['queries[density=3]'] }])
})

test('status fits on a screen and says whether all is fresh', async () => {
  expect(isFresh(small)).toBe(false)
  await expect(statusText(small)).toMatchFileSnapshot('./golden/status.txt')
  const done = planOf([planned(passages, { kind: 'cached', record: record(passages.id) })])
  expect(isFresh(done)).toBe(true)
  expect(statusText(done)).toBe('fresh: 1 node: 1 cached; 0 requests to send, 0 answered from the store')
  const many = Array.from({ length: 500 }, (_, i) =>
    planned(graphNode(`stage${i}`), { kind: 'run', reasons: [{ kind: 'never-ran' }] }),
  )
  expect(statusText(planOf(many)).split('\n').length).toBeLessThanOrEqual(24)
})
