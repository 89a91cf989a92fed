import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { type ActionKey, type ArtifactDigest, sha256 } from '../../cache/digest.ts'
import type { DatasetPlace, Json } from '../../stages/define.ts'
import type { GraphNode, InputRef } from './node.ts'
import { semanticOptions } from './semantic.ts'

/**
 * Everything that decides the outputs of a node, in the form that is hashed, stored with the record and compared by
 * `explain`. No name of a node, path, time or setting of the run stands in it.
 */
export type Preimage = {
  readonly stage: string
  readonly version: number
  readonly options: CanonicalValue
  readonly inputs: { readonly [name: string]: CanonicalValue }
  readonly env: { readonly [name: string]: string }
}

/** Digests that a node's inputs have now. */
export interface InputDigests {
  /** What the content of a part of a dataset is known by. */
  part(place: DatasetPlace): CanonicalValue
  /** Of a file, or of the sorted files that a folder or glob stands for. */
  tree(ref: Extract<InputRef, { type: 'path' }>): { digest: string; executable: boolean }
  /** Of an output that is known; undefined while its node has not finished. */
  output(node: string, output: string): ArtifactDigest | undefined
}

/** The preimage of a node, or undefined while the digest of one of its inputs is not known. */
export function preimageOf(node: GraphNode, digests: InputDigests): Preimage | undefined {
  const inputs: { [name: string]: CanonicalValue } = {}
  for (const [name, ref] of node.inputs) {
    const value = inputIdentity(ref, digests)
    if (value === undefined) return undefined
    inputs[name] = value
  }
  return {
    stage: node.definition.type,
    version: node.definition.version,
    options: semanticOptions(node.definition.options, node.options) as CanonicalValue,
    inputs,
    env: node.env,
  }
}

function inputIdentity(ref: InputRef, digests: InputDigests): CanonicalValue | undefined {
  switch (ref.type) {
    case 'stage': {
      const digest = digests.output(ref.node, ref.output)
      return digest === undefined ? undefined : { artifact: digest }
    }
    case 'dataset': {
      const { corpus, queries, qrels } = ref.parts
      return {
        corpus: corpus === undefined ? undefined : digests.part(corpus),
        queries: queries === undefined ? undefined : digests.part(queries),
        qrels: qrels === undefined ? undefined : digests.part(qrels),
      }
    }
    case 'llm':
    case 'encoder':
      return { model: ref.identity }
    case 'prompt':
      return { prompt: ref.value as CanonicalValue }
    case 'path': {
      const { digest, executable } = digests.tree(ref)
      return ref.folder || ref.matches ? { folder: digest } : { file: digest, executable: executable || undefined }
    }
  }
}

/** The key of a preimage. */
export function actionKey(preimage: Preimage): ActionKey {
  return sha256(canonicalBytes('action', preimage as unknown as CanonicalValue))
}

/** Where an input comes from, in the words of the pipeline. */
export function originOf(ref: InputRef): string {
  switch (ref.type) {
    case 'stage':
      return ref.node
    case 'dataset':
      return ref.split === undefined ? `dataset ${ref.name}` : `dataset ${ref.name}, split ${ref.split}`
    case 'llm':
    case 'encoder':
      return `model ${ref.name}`
    case 'prompt':
    case 'path':
      return ref.path
  }
}

/** Reads a stored preimage back; undefined if it is of another form. */
export function readPreimage(value: CanonicalValue | undefined): Preimage | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  const candidate = value as { readonly [name: string]: Json | undefined }
  return typeof candidate.stage === 'string' && typeof candidate.version === 'number'
    ? (value as unknown as Preimage)
    : undefined
}
