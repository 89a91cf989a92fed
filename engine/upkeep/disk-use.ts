import { join } from 'node:path'
import { listBlobs } from '../../cache/blob-sweep.ts'
import type { BlobId } from '../../cache/digest.ts'
import { checkSegment } from '../../cache/segment-check.ts'
import type { Store } from '../../cache/store.ts'
import { blobIdsOf } from './choose.ts'
import { entriesOf, treeSize } from './tree-bytes.ts'

/** Bytes and the number of things that take them. */
export interface Amount {
  count: number
  bytes: number
}

/** What a store's room is taken by. */
export interface DiskUse {
  bytes: number
  /** By what it is, in the order of a table. */
  kinds: { readonly [kind: string]: Amount }
  /** Stored answers by the model that gave them, as its server names it. */
  models: { readonly [model: string]: Amount }
  /** Outputs by pipeline; what several share counts for each. */
  pipelines: readonly (Amount & { project: string; pipeline: string })[]
}

const FOLDERS: { readonly [name: string]: string } = {
  views: 'views',
  embeddings: 'embeddings of texts',
  labels: 'labels of people',
  runs: 'journals and logs',
  graphs: 'expanded pipelines',
  memos: 'keys of rows',
  failed: 'left by failed nodes',
  resume: 'checkpoints',
  copies: 'copies of inputs',
  staging: 'being worked on',
  quarantine: 'damaged blobs',
}

/** Measures everything below the root of a store; rows are read, so that their models can be told. */
export function diskUse({ root, actions }: Pick<Store, 'root' | 'actions'>): DiskUse {
  const needed = new Set<BlobId>()
  const byPipeline = new Map<string, Set<BlobId>>()
  for (const { record, forgottenAt } of actions.results()) {
    if (forgottenAt !== undefined) continue
    const name = `${record.project}\0${record.pipeline}`
    const ids = byPipeline.get(name) ?? new Set()
    byPipeline.set(name, ids)
    for (const id of blobIdsOf(record)) {
      needed.add(id)
      ids.add(id)
    }
  }
  const kinds: { [kind: string]: Amount } = { outputs: amount(), 'blobs that no result needs': amount() }
  const sizes = new Map<BlobId, number>()
  for (const { id, size } of listBlobs(root)) {
    sizes.set(id, size)
    add(kinds[needed.has(id) ? 'outputs' : 'blobs that no result needs'] as Amount, size)
  }
  const { models, rows } = rowsByModel(join(root, 'rows', 'llm'))
  kinds['answers of models'] = rows
  const other = amount()
  for (const { name } of entriesOf(root)) {
    if (name === 'blobs') continue
    const { bytes, files } = treeSize(join(root, name))
    if (name === 'rows') other.bytes += Math.max(0, bytes - rows.bytes)
    else if (FOLDERS[name] === undefined) {
      other.bytes += bytes
      other.count += files
    } else kinds[FOLDERS[name]] = { count: files, bytes }
  }
  kinds['logs of results, indexes, notes'] = other
  return {
    bytes: Object.values(kinds).reduce((sum, { bytes }) => sum + bytes, 0),
    kinds,
    models,
    pipelines: [...byPipeline].sort().map(([name, ids]) => {
      const [project = '', pipeline = ''] = name.split('\0')
      const bytes = [...ids].reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0)
      return { project, pipeline, count: ids.size, bytes }
    }),
  }
}

function rowsByModel(folder: string): { models: { [model: string]: Amount }; rows: Amount } {
  const models: { [model: string]: Amount } = {}
  const rows = amount()
  for (const { name } of entriesOf(folder)) {
    if (!name.endsWith('.seg')) continue
    checkSegment(join(folder, name), ({ length }, json) => {
      const model = modelOf(json)
      models[model] ??= amount()
      add(models[model], length)
    })
    rows.bytes += treeSize(join(folder, name)).bytes
  }
  rows.count = Object.values(models).reduce((sum, { count }) => sum + count, 0)
  return { models, rows }
}

/** The model that an answer says it is of: as it was asked for, else as the server named itself. */
function modelOf(json: string): string {
  const row = JSON.parse(json) as { provenance?: { model?: unknown }; answer?: { model?: unknown } } | null
  const name = row?.provenance?.model ?? row?.answer?.model
  return typeof name === 'string' ? name : 'unknown'
}

function amount(): Amount {
  return { count: 0, bytes: 0 }
}

function add(to: Amount, bytes: number): void {
  to.count++
  to.bytes += bytes
}
