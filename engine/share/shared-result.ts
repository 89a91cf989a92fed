import type { ActionRecord, RecordedFile, RecordedOutput } from '../../cache/action-log.ts'
import { artifactDigest } from '../../cache/artifact.ts'
import { mapOf, parseBounded } from '../../cache/bundle/bounded-json.ts'
import { PathSet, pathProblem } from '../../cache/bundle/bundle-path.ts'
import { type CanonicalValue, compareUtf8 } from '../../cache/canonical.ts'
import { type ActionKey, type BlobId, hexOf, isSha256 } from '../../cache/digest.ts'
import { actionKey, type Preimage } from '../plan/preimage.ts'

/** A result as it stands in a bundle: without time, run and machine. */
export interface SharedResult extends Pick<ActionRecord, 'node' | 'key' | 'outputs' | 'summary'> {
  preimage: CanonicalValue
  accepted?: NonNullable<ActionRecord['accepted']>
}

/** A recorded result in the one form that it has in bundles. */
export function shareResult(node: string, record: ActionRecord, preimage: CanonicalValue): SharedResult {
  const outputs: { [name: string]: RecordedOutput } = {}
  for (const name of Object.keys(record.outputs).sort(compareUtf8)) {
    const { kind, digest, files } = record.outputs[name] as RecordedOutput
    outputs[name] = {
      kind,
      digest,
      files: files.map(({ path, size, executable, blob }) => ({ path, size, executable, blob })),
    }
  }
  const { key, summary, accepted } = record
  return { node, key, preimage, outputs, summary, ...(accepted ? { accepted } : {}) }
}

/**
 * The result that a line holds, or what is wrong with it. Its key is that of its preimage, the digests of its outputs
 * are those of their files, and the files are blobs of these sizes.
 */
export function readSharedResult(line: string, sizes: ReadonlyMap<string, number>): SharedResult | { problem: string } {
  const map = mapOf(parseBounded(line))
  if (!map) return { problem: 'a result in it is not JSON' }
  const { node, key, preimage, outputs, summary, accepted } = map
  const named = mapOf(outputs)
  if (typeof node !== 'string' || node.length > 4096 || !isSha256(key) || !mapOf(preimage) || !named) {
    return { problem: 'a result in it has not the form of one' }
  }
  if (!isSummary(summary)) return { problem: 'what a result in it says of itself has not the form of it' }
  if (keyOf(preimage) !== key) {
    return { problem: `the key of a result in it is not that of what it says it was made of (${printableNode(node)})` }
  }
  const read: { [name: string]: RecordedOutput } = {}
  for (const [name, output] of Object.entries(named)) {
    const found = readOutput(output, sizes)
    if ('problem' in found) return found
    Object.defineProperty(read, name, { value: found, enumerable: true })
  }
  const word = mapOf(accepted)
  const claim = word && { why: String(word.why), from: String(word.from) as ActionKey, at: String(word.at) }
  return {
    node,
    key: key as ActionKey,
    preimage: preimage as CanonicalValue,
    outputs: read,
    summary: summary as CanonicalValue,
    ...(claim ? { accepted: claim } : {}),
  }
}

function readOutput(value: unknown, sizes: ReadonlyMap<string, number>): RecordedOutput | { problem: string } {
  const map = mapOf(value)
  if (!map || typeof map.kind !== 'string' || !isSha256(map.digest) || !Array.isArray(map.files)) {
    return { problem: 'an output of a result in it has not the form of one' }
  }
  const files: RecordedFile[] = []
  const paths = new PathSet()
  for (const file of map.files as readonly unknown[]) {
    const { path, size, executable, blob } = mapOf(file) ?? {}
    if (typeof path !== 'string' || typeof executable !== 'boolean' || !isSha256(blob)) {
      return { problem: 'a file of a result in it has not the form of one' }
    }
    const problem = pathProblem(path) ?? paths.add(path)
    if (problem !== undefined) return { problem: `a file of a result in it ${problem}` }
    if (typeof size !== 'number' || sizes.get(hexOf(blob)) !== size) {
      return { problem: `a result in it needs the blob ${hexOf(blob).slice(0, 12)}…, which is not in it` }
    }
    files.push({ path, size, executable, blob: blob as BlobId })
  }
  const digest = artifactDigest(files)
  return digest === (map.digest as string)
    ? { kind: map.kind, digest, files }
    : { problem: 'the digest of an output in it is not that of its files' }
}

// A value that has no canonical form, such as a number beyond all bounds, has no key.
function keyOf(preimage: unknown): ActionKey | undefined {
  try {
    return actionKey(preimage as Preimage)
  } catch {
    return undefined
  }
}

function isSummary(value: unknown): boolean {
  const { counts, warnings = [] } = mapOf(value) ?? {}
  const numbers = mapOf(counts)
  if (!numbers || !Array.isArray(warnings)) return false
  return Object.values(numbers).every(Number.isFinite) && warnings.every((warning) => typeof warning === 'string')
}

function printableNode(node: string): string {
  return node.slice(0, 80).replace(/[^ -~]/g, '?')
}
