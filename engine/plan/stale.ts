import type { CanonicalValue } from '../../cache/canonical.ts'
import { unifiedDiff } from '../util/line-diff.ts'
import type { StaleReason } from './decision.ts'
import type { InputRef } from './node.ts'
import { originOf, type Preimage } from './preimage.ts'

type Map = { readonly [name: string]: CanonicalValue | undefined }

/** One difference of two values: where, and what stood there before and stands there now. */
interface Change {
  path: string
  old?: CanonicalValue
  new?: CanonicalValue
}

/**
 * Why a node with this preimage is not what the newest result of the same node was made from: the structural
 * difference of the two preimages, in the order options, inputs, environment.
 */
export function staleReasons(
  now: Preimage,
  before: Preimage | undefined,
  inputs: ReadonlyMap<string, InputRef>,
): StaleReason[] {
  if (!before || before.stage !== now.stage) return [{ kind: 'never-ran' }]
  const reasons: StaleReason[] = []
  if (before.version !== now.version) reasons.push({ kind: 'stage-version', old: before.version, new: now.version })
  for (const change of changes(before.options, now.options)) reasons.push(optionReason(change))
  const names = new Set([...Object.keys(before.inputs), ...Object.keys(now.inputs)])
  for (const name of [...names].sort()) {
    for (const change of changes(before.inputs[name], now.inputs[name])) {
      reasons.push(inputReason(name, change, inputs.get(name)))
    }
  }
  for (const change of changes(before.env, now.env)) reasons.push({ kind: 'environment', name: change.path })
  return reasons
}

function optionReason({ path, ...change }: Change): StaleReason {
  const diff = textDiff(change.old, change.new)
  return { kind: 'option', path, ...change, ...(diff === undefined ? {} : { diff }) }
}

function inputReason(name: string, change: Change, ref: InputRef | undefined): StaleReason {
  const [member = '', ...rest] = change.path.split('/')
  if (member === 'prompt') return optionReason({ ...change, path: [name, ...rest].join('/') })
  if (member === 'model') return { kind: 'model', input: name, ...change, path: rest.join('/') }
  const from = ref ? originOf(ref) : 'no longer an input'
  const isPart = member === 'corpus' || member === 'queries' || member === 'qrels'
  return { kind: 'input', input: name, from, ...(isPart ? { part: member } : {}) }
}

/** A unified diff where both sides are texts of which one has several lines. */
function textDiff(before: CanonicalValue | undefined, after: CanonicalValue | undefined): string | undefined {
  if (typeof before !== 'string' || typeof after !== 'string') return undefined
  return before.includes('\n') || after.includes('\n') ? unifiedDiff(before, after) : undefined
}

function* changes(before: CanonicalValue | undefined, after: CanonicalValue | undefined, path = ''): Generator<Change> {
  if (before === after) return
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (let i = 0; i < after.length; i++) yield* changes(before[i], after[i], join(path, String(i)))
  } else if (isMap(before) && isMap(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)])
    for (const name of [...names].sort()) yield* changes(before[name], after[name], join(path, name))
  } else if (JSON.stringify(before) !== JSON.stringify(after)) {
    yield {
      path,
      ...(before === undefined ? {} : { old: before }),
      ...(after === undefined ? {} : { new: after }),
    }
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}

function isMap(value: CanonicalValue | undefined): value is Map {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
