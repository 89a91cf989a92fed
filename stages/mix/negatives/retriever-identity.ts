import type { CanonicalValue } from '../../../cache/canonical.ts'
import type { StageInput } from '../../define.ts'
import { digestOf } from '../../encoders/encoder-folder.ts'

/** What decides a ranking by BM25 beside corpus and query; the number is raised when it comes to rank otherwise. */
export const BM25: CanonicalValue = { kind: 'bm25', version: 1 }

/** What decides a ranking by an encoder; the number is raised when encoders are read or compared otherwise. */
export async function encoderIdentity(input: StageInput | undefined): Promise<CanonicalValue> {
  const version = 1
  if (input?.type === 'artifact') return { kind: 'dense', version, artifact: input.digest }
  if (input?.type !== 'encoder') throw new Error(`expected an encoder, got ${input?.type}`)
  const files: [path: string, digest: string][] = []
  for (const file of input.files) files.push([file.path, await digestOf(file)])
  return { kind: 'dense', version, model: input.model as CanonicalValue, files }
}
