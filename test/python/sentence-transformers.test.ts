import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadStaticModel } from '../../stages/retrieval/static-model.ts'
import { train } from '../../stages/train/stage.ts'
import { uncasedWordPieceEncoder } from '../../stages/train/wordpiece/encoder.ts'
import { artifactInput, datasetInput, runStage, type StageResult } from '../rig/stage.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { HARD_TEXTS, PASSAGES } from '../stages/train/texts.ts'

/**
 * Slow: the environment is 3.1 GB of downloads (torch's Linux wheels from PyPI bring CUDA along, there are none for the
 * CPU alone) and 5.8 GB on disk. A Python that has sentence-transformers already may be named instead.
 */
const SLOW = process.env.QUERYLOOM_SLOW === '1'
const GIVEN = process.env.QUERYLOOM_SENTENCE_TRANSFORMERS_PYTHON
const PACKAGES = ['sentence-transformers==6.2.0', 'torch==2.15.0', 'transformers==5.23.0', 'tokenizers==0.23.3']
const BUILD_MS = 20 * 60_000

const SCRIPT = `
import json, sys
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device='cpu')
texts = json.load(open(sys.argv[2], encoding='utf-8'))
vectors = model.encode(texts, convert_to_numpy=True)
tokenizer = model[0].tokenizer
json.dump({
    'vectors': vectors.tolist(),
    'ids': [tokenizer.encode(text, add_special_tokens=False).ids for text in texts],
    'modules': [type(module).__name__ for module in model],
    'similarity': str(model.similarity_fn_name),
}, sys.stdout)
`

const execute = promisify(execFile)
const home = mkdtempSync(path.join(tmpdir(), 'queryloom-sentence-transformers-'))
let python = GIVEN ?? ''
if (!SLOW)
  console.warn('skipped: SentenceTransformers equality needs 3.1 GB of downloads (set QUERYLOOM_SLOW=1 to run it)')

beforeAll(async () => {
  if (!SLOW || python !== '') return
  await execute('python3', ['-m', 'venv', path.join(home, 'venv')])
  python = path.join(home, 'venv', 'bin', 'python')
  await execute(python, ['-m', 'pip', '--disable-pip-version-check', 'install', '--quiet', ...PACKAGES])
}, BUILD_MS)

afterAll(() => rmSync(home, { recursive: true, force: true }))

interface Theirs {
  vectors: number[][]
  ids: number[][]
  modules: string[]
  similarity: string
}

async function theirs(model: string, texts: readonly string[]): Promise<Theirs> {
  const folder = temporaryFolder()
  const [script, input] = [path.join(folder, 'encode.py'), path.join(folder, 'texts.json')]
  writeFileSync(script, SCRIPT)
  writeFileSync(input, JSON.stringify(texts))
  const env = { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' }
  const { stdout } = await execute(python, [script, model, input], { maxBuffer: 1 << 28, env })
  return JSON.parse(stdout)
}

const PAIRS = PASSAGES.map((passage) => ({ anchor: passage.split(' ').slice(0, 3).join(' '), positive: passage }))

function trained(): Promise<StageResult> {
  return runStage(
    train,
    { data: { $input: 'data' }, base: 'static:random-64', vocabulary_size: 400, budget: { steps: 50 } },
    {
      data: artifactInput('training', { 'training.jsonl': PAIRS }),
      corpus: datasetInput({ corpus: PASSAGES.map((text, i) => ({ _id: `p${i}`, text })) }),
    },
  )
}

describe('a model of train in SentenceTransformers', () => {
  it.skipIf(!SLOW)(
    'loads, and gives the same vectors and tokens for accents, ideographs, emoji and empty texts',
    { timeout: 900_000 },
    async () => {
      const result = await trained()
      const folder = result.folder('model')
      const files = result.files('model').map((file) => ({ path: file, location: path.join(folder, file) }))
      const ours = await loadStaticModel(files)
      const texts = [...HARD_TEXTS, ...PASSAGES]
      const { vectors, ids, modules, similarity } = await theirs(folder, texts)
      expect(modules).toEqual(['StaticEmbedding', 'Normalize'])
      expect(similarity).toBe('cosine')

      const encoder = uncasedWordPieceEncoder(JSON.parse(result.text('model', 'tokenizer.json')))!
      expect(texts.map((text) => encoder.encode(text))).toEqual(ids)

      const own = ours.encode(texts, 'passage')
      let least = 1
      for (const [i, text] of texts.entries()) {
        const mine = own.subarray(i * 64, (i + 1) * 64)
        const other = vectors[i]!
        if (ids[i]!.length === 0) {
          expect([...mine, ...other].every((x) => x === 0)).toBe(true)
          continue
        }
        const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
          Array.from(a, (x, d) => x * b[d]!).reduce((sum, x) => sum + x, 0)
        const cosine = dot(mine, other) / Math.sqrt(dot(mine, mine) * dot(other, other))
        expect([text, cosine]).toEqual([text, expect.closeTo(1, 5)])
        expect(Math.sqrt(dot(other, other))).toBeCloseTo(1, 5)
        least = Math.min(least, cosine)
      }
      console.info(`least cosine over ${texts.length} texts: ${least}`)
      expect(least).toBeGreaterThanOrEqual(0.99999)
    },
  )
})
