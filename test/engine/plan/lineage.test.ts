import { expect, test } from 'vitest'
import { Lineages } from '../../../engine/plan/lineage.ts'
import type { InputRef, NodeId } from '../../../engine/plan/node.ts'
import type { ArtifactKind, DatasetFiles } from '../../../stages/define.ts'

const dataset = (name: string): InputRef => ({ type: 'dataset', name, parts: {} })
const stage = (node: string, kind: ArtifactKind): InputRef => ({
  type: 'stage',
  node: node as NodeId,
  output: kind,
  kind,
})

/** A model trained on the filtered queries of one collection and the queries of another. */
function entered(first: string, second: string): Lineages {
  const lineages = new Lineages()
  const enter = (node: string, inputs: { [name: string]: InputRef }): void =>
    lineages.enter(node as NodeId, new Map(Object.entries(inputs)), undefined)
  enter('passages', { dataset: dataset('a') })
  enter('queries', { passages: stage('passages', 'passages') })
  enter(first, { pairs: stage('queries', 'pairs') })
  enter(second, { passages: dataset('b') })
  enter('data', {
    'pairs/1/from': stage(second, 'pairs'),
    'pairs/0/from': stage(first, 'pairs'),
    'pairs/2/from': stage(first, 'pairs'),
    'pairs/3/from': dataset('c'),
  })
  enter('model', { data: stage('data', 'training') })
  enter('again', { data: stage('data', 'training'), base: stage('model', 'model') })
  return lineages
}

test('the pairs that a model was trained on are found up to the filter that wrote them, each once', () => {
  const lineages = entered('kept', 'other')
  const of = (inputs: [string, InputRef][]): unknown => lineages.of(new Map(inputs), () => undefined).pairs('model')
  const pairs = [
    { node: 'kept', output: 'pairs', corpora: ['a'] },
    { node: 'other', output: 'pairs', corpora: ['b'] },
  ]
  expect(of([['model', stage('model', 'model')]])).toEqual(pairs)
  expect(of([['model', stage('again', 'model')]])).toEqual(pairs)
  expect(of([['model', dataset('a')]])).toEqual([])
  expect(of([])).toEqual([])
})

test('their order does not depend on what stages are called', () => {
  const of = (first: string, second: string): unknown =>
    entered(first, second)
      .of(new Map([['model', stage('model', 'model')]]), () => undefined)
      .pairs('model')
      .map(({ corpora }) => corpora)
  expect(of('z', 'm')).toEqual(of('c', 'k'))
})

test('two names of one place are one corpus, and other places are others', () => {
  const corpus = (path: string): DatasetFiles => ({ corpus: { path, reading: { columns: 'own' } }, qrels: {} })
  const files: { [name: string]: DatasetFiles } = { a: corpus('x'), b: corpus('x'), c: corpus('y') }
  const { sameCorpus } = new Lineages().of(new Map(), (name) => files[name])
  expect([sameCorpus('a', 'b'), sameCorpus('a', 'c'), sameCorpus('gone', 'gone'), sameCorpus('gone', 'lost')]).toEqual([
    true,
    false,
    true,
    false,
  ])
})
