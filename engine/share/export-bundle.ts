import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeJsonLines } from '../../cache/bundle/json-lines.ts'
import { writeBundle } from '../../cache/bundle/write-bundle.ts'
import type { BlobId, RowKey } from '../../cache/digest.ts'
import { removeTree } from '../../cache/remove-tree.ts'
import type { Signer } from '../../cache/signing.ts'
import { StoreError } from '../../cache/store-error.ts'
import { openTrustMarks } from '../../cache/trust-marks.ts'
import { Estimator } from '../plan/estimate.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import { decideNodes } from '../plan/plan.ts'
import type { Selection } from '../plan/selection.ts'
import { stageInput } from '../plan/stage-input.ts'
import type { Session } from '../session.ts'
import { type CollectedFiles, collectFiles } from './collect-files.ts'
import { shareResult } from './shared-result.ts'

/** What goes into a bundle beside the pipeline. */
export interface ExportOptions {
  /** Data files of any size. */
  withData: boolean
  /** Nodes whose results go in; all of them must be up to date. */
  results?: Selection
  /** Stored answers of language models that the pipeline could ask for. */
  rows: boolean
  signer?: Signer
}

/** What was written. */
export interface Exported extends Pick<CollectedFiles, 'large' | 'outside'> {
  digest: string
  bytes: number
  files: number
  results: number
  rows: number
  /** Nodes whose answers can't be named before others have run. */
  unknownRows: readonly NodeId[]
}

const ROWS_AT_ONCE = 256

/** Writes the bundle of a pipeline. Throws a StoreError if something that was asked for is not there. */
export async function exportBundle(session: Session, target: string, options: ExportOptions): Promise<Exported> {
  const { graph, sources, store, pipeline } = session
  await sources.load(graph.nodes.values())
  const { pipeline: place, files, large, outside } = collectFiles(session, options.withData)
  if (outside.some((path) => pipeline.sources.some(({ file }) => file === path))) {
    throw new StoreError('the pipeline includes files from outside of its project', {
      problem: 'bad-file',
      where: outside.join(', '),
      advice: 'copy them into the project, and include them by relative paths',
    })
  }
  const scratch = mkdtempSync(join(tmpdir(), 'queryloom-export-'))
  try {
    const { decided, here: known } = await decideNodes(session)
    const chosen = options.results?.nodes ?? new Set<NodeId>()
    const stale = [...graph.nodes.keys()].filter((id) => chosen.has(id) && !known.has(id))
    if (stale.length > 0) {
      throw new StoreError(`these have no result that is up to date: ${stale.slice(0, 5).join(', ')}`, {
        problem: 'bad-file',
        where: pipeline.file,
        advice: 'run them first, or choose others',
      })
    }
    const blobs = new Set<BlobId>()
    const shared = decided.flatMap(({ node, key }) => {
      const record = chosen.has(node.id) ? known.get(node.id) : undefined
      if (!record || !key) return []
      const preimage = store.actions.preimage(key)
      if (preimage === undefined) throw damaged(node, store.root)
      for (const output of Object.values(record.outputs)) for (const { blob } of output.files) blobs.add(blob)
      return [shareResult(node.id, record, preimage)]
    })
    const results = {
      location: join(scratch, 'results'),
      count: await writeJsonLines(join(scratch, 'results'), shared),
    }
    const facts = { record: (id: NodeId) => known.get(id), locate: (blob: BlobId) => store.blobs.locate(blob), sources }
    const estimator = new Estimator(
      store,
      graph.nodes,
      (node, name) => {
        const ref = node.inputs.get(name)
        return ref && stageInput(ref, facts)
      },
      new AbortController().signal,
    )
    const keys = new Set<RowKey>()
    const unknownRows: NodeId[] = []
    for (const node of options.rows ? graph.nodes.values() : []) {
      const stored = await estimator.storedRows(node)
      if (!stored) unknownRows.push(node.id)
      for (const key of stored ?? []) keys.add(key)
    }
    const rows = { location: join(scratch, 'rows'), count: 0 }
    rows.count = await writeJsonLines(rows.location, rowsOf(session, [...keys].sort()))
    const written = await writeBundle(
      target,
      {
        pipeline: place,
        files,
        ...(results.count > 0 ? { results } : {}),
        ...(rows.count > 0 ? { rows } : {}),
        blobs: [...blobs].map((blob) => ({ location: store.blobs.locate(blob) })),
      },
      options.signer,
    )
    await rememberOwn(session)
    const { digest, bytes } = written
    const counts = { files: files.length, results: results.count, rows: rows.count }
    return { digest, bytes, ...counts, unknownRows, large, outside }
  } finally {
    removeTree(scratch)
  }
}

// Whoever takes in a bundle of his own must not be asked to trust the files that it was made of.
async function rememberOwn({ pipeline }: Session): Promise<void> {
  const marks = openTrustMarks()
  const own = pipeline.sources.filter(({ file, digest }) => marks.bundleOf(file, digest) === undefined)
  if (own.length < pipeline.sources.length) return
  try {
    await marks.own(own.map(({ digest }) => digest))
  } catch {
    // The bundle is there; the worst that follows is being asked once more.
  }
}

async function* rowsOf({ store }: Session, keys: readonly RowKey[]): AsyncGenerator<unknown> {
  for (let at = 0; at < keys.length; at += ROWS_AT_ONCE) {
    const values = await store.rows.getMany(keys.slice(at, at + ROWS_AT_ONCE))
    for (const [key, value] of values) yield { key, value }
  }
}

function damaged(node: GraphNode, where: string): StoreError {
  const message = `the store no longer knows what the result of ${node.id} was made of`
  return new StoreError(message, { problem: 'damaged', where, advice: `run it again with --force ${node.stage}` })
}
