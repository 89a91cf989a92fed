import { expect, test } from 'vitest'
import { drawLabelled } from '../../../stages/data/labelled-examples.ts'
import type { SourceFile, StageInput } from '../../../stages/define.ts'
import { datasetInput } from '../../rig/stage.ts'

const ids = ['a', 'b', 'c', 'd', 'e', 'f']

function collection(order: readonly string[] = ids): { split: StageInput; corpus: SourceFile } {
  const made = datasetInput({
    corpus: [
      ...order.map((id) => ({ _id: `p-${id}`, title: id, text: id === 'f' ? ' ' : `text ${id}` })),
      { _id: 'best', title: '', text: 'the best' },
    ],
    queries: order.map((id) => ({ _id: id, text: `query ${id}` })),
    qrels: `query-id\tcorpus-id\tscore\n${order.map((id) => `${id}\tp-${id}\t${id === 'e' ? 0 : 1}\n`).join('')}a\tbest\t2\n`,
    split: 'train',
  })
  return { split: made, corpus: made.corpus! }
}

test('queries are drawn by seed and id, each with its most relevant passage that has a text', async () => {
  const { split, corpus } = collection()
  const four = await drawLabelled(split, corpus, { count: 4, seed: 1 })
  expect(four.map(({ query_id }) => query_id).sort()).toEqual(['a', 'b', 'c', 'd'])
  expect(four.find(({ query_id }) => query_id === 'a')).toEqual({
    query_id: 'a',
    passage_id: 'best',
    title: '',
    text: 'the best',
    query: 'query a',
  })
  const turned = collection([...ids].reverse())
  expect(await drawLabelled(turned.split, turned.corpus, { count: 4, seed: 1 })).toEqual(four)
  expect(await drawLabelled(split, corpus, { count: 2, seed: 1 })).toEqual(four.slice(0, 2))
  const firsts = new Set<string>()
  for (let seed = 0; seed < 20; seed++) firsts.add((await drawLabelled(split, corpus, { count: 1, seed }))[0]!.query_id)
  expect(firsts.size).toBe(4)
})

test('fewer than wanted are an error that names the file', async () => {
  const { split, corpus } = collection()
  await expect(drawLabelled(split, corpus, { count: 5, seed: 1 })).rejects.toMatchObject({
    message: '5 labelled queries with a passage are wanted as examples, and the split has 4',
    where: expect.stringContaining('train.tsv'),
  })
})
