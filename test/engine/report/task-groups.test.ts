import { expect, test } from 'vitest'
import type { InputRef } from '../../../engine/plan/node.ts'
import type { Result, Scores } from '../../../engine/report/results.ts'
import { taskGroupTables } from '../../../engine/report/task-groups.ts'
import { taskGroupsText } from '../../../engine/report/task-groups-text.ts'
import { TASKS } from '../../../stages/eval/tasks.ts'
import { graphNode, record } from './fixtures/nodes.ts'

const pipeline = {
  axes: [
    { param: 'set', labels: [], replicate: false },
    { param: 'seed', labels: [], replicate: true },
    { param: 'density', labels: [], replicate: false },
  ],
  report: {},
}

function result(
  stage: string,
  task: string | undefined,
  ndcg: number,
  variant: { [axis: string]: string } = {},
): Result {
  const inputs = new Map<string, InputRef>([
    ['dataset', { type: 'dataset', name: task ?? 'own', split: 'test', parts: {} }],
  ])
  const node = graphNode(
    stage,
    { ...variant, ...(stage === 'swept' && { set: `the ${task}` }) },
    { inputs, outputs: { scores: 'scores' } },
  )
  const known = task === undefined ? undefined : TASKS[task]
  const scores: Scores = {
    schema: 1,
    profile: 'trec9',
    split: 'test',
    ...(task !== undefined && { task, task_group: known!.group, ...(known!.within && { task_within: known!.within }) }),
    top_k: 1000,
    retriever: { kind: 'bm25' },
    queries: 3,
    metrics: { 'ndcg@10': ndcg },
  }
  const scored = { node, record: record(node.id), fresh: true, scoresFile: '', queriesFile: '' }
  return { scored, scores, queries: [], dataset: task ?? 'own' }
}

test('means are taken over collections of a kind, forums of CQADupStack first, collections always listed', () => {
  const results = [
    result('swept', 'SciFact', 0.6, { seed: '1' }),
    result('swept', 'SciFact', 0.8, { seed: '2' }),
    result('swept', 'FEVER', 0.5),
    result('swept', 'QuoraRetrieval', 0.9),
    result('swept', 'CQADupstackTexRetrieval', 0.1),
    result('swept', 'CQADupstackUnixRetrieval', 0.2),
    result('swept', 'CQADupstackGisRetrieval', 0.6),
    result('other', undefined, 1),
    result('partly', 'SciFact', 0.4, { density: '3' }),
  ]
  const [table, ...more] = taskGroupTables(results, pipeline)
  expect(more).toEqual([])
  expect(table!.rows.map(({ system, all }) => [system, all === null ? null : Number(all.toFixed(6))])).toEqual([
    // ((0.7 + 0.5) + (0.9 + 0.3)) / 4: four collections, one of them three forums
    ['swept', 0.6],
    ['partly [density=3]', null],
  ])
  expect(taskGroupsText(table!)).toBe(
    [
      'ndcg@10 by kind of task, profile trec9: all queries of 4 collections',
      'system              Fact checking  Duplicate-question retrieval     all',
      'swept                      0.6000                        0.6000  0.6000',
      'partly [density=3]              -                             -       -',
      'Fact checking: SciFact, FEVER',
      'Duplicate-question retrieval: QuoraRetrieval, CQADupStack (mean of CQADupstackTexRetrieval, CQADupstackUnixRetrieval, CQADupstackGisRetrieval)',
    ].join('\n'),
  )
})

test('one collection, or none that is known, makes no table', () => {
  expect(taskGroupTables([result('a', 'SciFact', 0.5), result('b', 'SciFact', 0.6)], pipeline)).toEqual([])
  expect(taskGroupTables([result('a', undefined, 0.5), result('b', undefined, 0.6)], pipeline)).toEqual([])
})
