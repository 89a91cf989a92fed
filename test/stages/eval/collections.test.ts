import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../stages/eval/stage.ts'
import { printed } from '../../../stages/retrieval/printed.ts'
import { runStage } from '../../rig/stage.ts'
import { evalInputs, present } from './collections.ts'

async function bm25(name: string, leakage?: string): Promise<{ counts: object; scores: { [member: string]: never } }> {
  const { summary, text } = await runStage(
    evaluate,
    { dataset: { $input: 'dataset' }, retriever: 'bm25' },
    evalInputs(name, leakage),
  )
  return { counts: summary.counts, scores: JSON.parse(text('scores', 'scores.json')) }
}

const inPrint = (metrics: object): string[] => Object.values(metrics).map(printed)

describe('BM25 with k1 0.9 and b 0.4', () => {
  it.skipIf(!present('scifact'))(
    "equals Anserini's published figures on SciFact, and tells leaked queries apart",
    async () => {
      const { counts, scores } = await bm25('scifact', 'train')
      expect(inPrint(scores.metrics!)).toEqual(['0.6789', '0.9253'])
      expect(counts).toEqual({
        passages: 5183,
        queries: 300,
        retrieved: 300,
        clean: 103,
        leaked_gold: 196,
        leaked_near_duplicate: 116,
      })
      const { clean, leaked } = scores.groups as unknown as { [group: string]: { queries: number; metrics: object } }
      expect([clean!.queries, ...inPrint(clean!.metrics)]).toEqual([103, '0.6808', '0.9330'])
      expect([leaked!.queries, ...inPrint(leaked!.metrics)]).toEqual([197, '0.6779', '0.9213'])
    },
  )

  // No figures are published for these; bm25s (exact lengths, another tokenizer) has .4047/.7380, .4752/.9103, .8690/.9782.
  it.skipIf(!present('cranfield'))('is near other implementations on Cranfield', async () => {
    expect(inPrint((await bm25('cranfield')).scores.metrics!)).toEqual(['0.4026', '0.7376'])
  })

  it.skipIf(!present('adi'))('is near other implementations on ADI', async () => {
    expect(inPrint((await bm25('adi')).scores.metrics!)).toEqual(['0.4747', '0.9103'])
  })

  it.skipIf(!present('msmarco-mini'))('is near other implementations on a part of MS MARCO', async () => {
    expect(inPrint((await bm25('msmarco-mini')).scores.metrics!)).toEqual(['0.8688', '0.9782'])
  })
})
