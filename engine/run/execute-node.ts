import { join } from 'node:path'
import type { ActionRecord, RecordedFile, RecordedOutput } from '../../cache/action-record.ts'
import { artifactDigest, ingest, ingestFiles, ingestKnown } from '../../cache/artifact.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { type ActionKey, hexOf } from '../../cache/digest.ts'
import { freshNonce } from '../../cache/durable.ts'
import type { Memos } from '../../cache/memos.ts'
import { notingRows } from '../../cache/noting-rows.ts'
import { observingRows } from '../../cache/observing-rows.ts'
import { UsedRows } from '../../cache/used-rows.ts'
import { sortByPath } from '../../cache/walk.ts'
import {
  type AnyStageDefinition,
  type ArtifactFile,
  type Json,
  type KeptFile,
  type ModelLeases,
  type ProvideServices,
  type Registry,
  type RemotePart,
  type RequestCounts,
  type ServiceContext,
  type ServiceStageDefinition,
  type StageContext,
  StageError,
  type StageInput,
  type StageSummary,
  type ToolsCache,
} from '../../stages/define.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import type { PlanWorld } from '../plan/plan.ts'
import { actionKey, type Preimage } from '../plan/preimage.ts'
import { remoteParts } from '../plan/source-files.ts'
import { stageInput } from '../plan/stage-input.ts'
import type { FailedFolders } from './failed-folders.ts'
import type { Elsewhere } from './job-places.ts'
import { type LazyAsker, lazyAsker } from './lazy-asker.ts'
import type { LocalProcesses } from './local-processes.ts'
import type { ModelLedger } from './model-ledger.ts'
import { resumeFolder } from './resume-folder.ts'
import type { StageThreads } from './stage-threads.ts'
import type { Staging } from './staging.ts'

/** What executing a node needs beside the node. */
export interface ExecutionWorld extends PlanWorld {
  /** Nodes whose rows are asked for again, and in which round. */
  rounds: ReadonlyMap<NodeId, number>
  run: string
  engine: string
  /** Private folders of this run's nodes. */
  staging: Staging
  /** Where failed nodes' folders are kept. */
  failed: FailedFolders
  threads: StageThreads
  /** Runs nodes, or parts of them, elsewhere. */
  elsewhere: Elsewhere | undefined
  tools: ToolsCache
  memos: Memos
  result(node: NodeId): ActionRecord | undefined
  /** The preimage of a node from what is known now. */
  preimage(node: GraphNode): Preimage | undefined
  /** Process runner of a node: its declared environment is part of it. */
  processes(node: GraphNode): Promise<LocalProcesses>
  /** Cards lent to a node. */
  cards(node: NodeId): readonly number[]
  provide: Registry['models']['provide']
  models: ModelLeases
  /** Asks models on behalf of stages. */
  asker: Registry['models']['asker']
  /** Brings a part of a dataset to this machine, if it is not here. */
  fetch(part: RemotePart, signal: AbortSignal, tell: (note: string) => void): Promise<void>
}

export interface Execution {
  record: ActionRecord
  summary: StageSummary
  requests: RequestCounts
  seconds: number
  /** Resolves when the record is on the disk. */
  durable: Promise<void>
}

/**
 * Runs a node's stage into a private folder, takes its outputs into the store and appends the record. Nothing that is
 * there already is touched; on failure the private folder is kept (the newest few) and nothing is recorded.
 */
export async function executeNode(
  world: ExecutionWorld,
  node: GraphNode,
  key: ActionKey,
  preimage: Preimage,
  options: {
    log: string
    signal: AbortSignal
    drain: AbortSignal
    onProgress(done: number, total: number | undefined, note: string | undefined, requests: RequestCounts): void
    requests: RequestCounts
    ledger: ModelLedger
    onNote(note: string): void
  },
): Promise<Execution> {
  const { store } = world
  const name = hexOf(key).slice(0, 16)
  const resume = resumeFolder(store.root, key)
  const started = Date.now()
  const { requests } = options
  const round = world.rounds.get(node.id)
  const service = serviceOf(node.definition)
  const folders = world.staging.make(name, service?.keepsFiles ? [] : Object.keys(node.outputs))
  const { scratch, outputs } = folders
  const kept = new Map<string, readonly KeptFile[]>()
  const passed = new Map<string, ArtifactFile[]>()
  const needsProcesses = service || [...node.inputs.values()].some(({ type }) => type === 'encoder')
  const processes = needsProcesses && (await world.processes(node))
  const used = new UsedRows(join(world.staging.root, `used-${freshNonce()}`))
  const observed: { [name: string]: Json } = {}
  const afterwards: (() => void)[] = []
  const rows = notingRows(round === undefined ? store.rows : observingRows(store.rows, round), used)
  const count: ServiceContext<never>['count'] = (counts, charge) => {
    add(requests, counts)
    if (charge) options.ledger.charge(charge)
  }
  const { drain, signal } = options
  let asker: LazyAsker | undefined
  try {
    for (const ref of node.inputs.values())
      for (const part of ref.type === 'dataset' ? remoteParts(ref) : [])
        await world.fetch(part, options.signal, (note) => options.onProgress(0, undefined, note, requests))
    const inputs = readInputs(world, node)
    if (processes) {
      const tell = (note: string): void => options.onProgress(0, undefined, note, requests)
      await provideEncoders(world, node, inputs, {
        processes,
        tools: world.tools,
        log: options.log,
        scratch,
        signal,
        tell,
      })
    }
    asker = lazyAsker(world.asker, { inputs, models: world.models, rows, count, drain, signal })
    const context: StageContext<never> = {
      node: node.id,
      options: node.options as never,
      inputs,
      outputs,
      resume: resume.path,
      scratch,
      embeddings: world.elsewhere?.embeddings ?? join(store.root, 'embeddings'),
      cards: world.cards(node.id),
      progress: (done, total, note) => options.onProgress(done, total, note, requests),
      ask: asker.ask,
      drain,
      signal,
    }
    const job = await world.elsewhere?.jobs(node)?.run(node, key, context, {
      log: options.log,
      signal: AbortSignal.any([drain, signal]),
      onNote: options.onNote,
    })
    Object.assign(observed, job?.observed)
    const arrays = world.elsewhere?.arrays(node, AbortSignal.any([drain, signal]))
    const summary = job
      ? job.summary
      : service && processes
        ? await service.run({
            ...context,
            log: options.log,
            rows,
            memos: world.memos,
            processes,
            models: world.models,
            ...(arrays ? { arrays } : {}),
            tools: world.tools,
            keep: (output, files) => kept.set(output, files),
            copies: { folder: join(store.root, 'copies'), onStored: (then) => void afterwards.push(then) },
            passOn: async (output, file) => void passed.set(output, [...(passed.get(output) ?? []), file]),
            count,
            compute: (work) => inThread(world.threads, node.definition.type, context, work),
            observe: (facts) => Object.assign(observed, facts),
          })
        : await inThread(world.threads, node.definition.type, context)
    await asker.close()
    await refuseChangedInputs(world, node, key, preimage)
    const recorded = await ingestOutputs(world, node, job?.outputs ?? outputs, { kept, passed })
    job?.verify(recorded)
    const rowKeys = await used.store(store.blobs)
    const seconds = (Date.now() - started) / 1000
    const record: ActionRecord = {
      ...world.address(node.id),
      key,
      outputs: recorded,
      summary: summary as unknown as CanonicalValue,
      incomplete: summary.incomplete ?? 0,
      run: world.run,
      engine: world.engine,
      startedAt: new Date(started).toISOString(),
      seconds,
      requests: { ...requests },
      ...(options.ledger.models === undefined ? {} : { models: options.ledger.models }),
      ...(round === undefined ? {} : { round }),
      ...(rowKeys === undefined ? {} : { rows: rowKeys }),
      ...(Object.keys(observed).length === 0 ? {} : { observed }),
    }
    const durable = store.actions.append(record, preimage as unknown as CanonicalValue)
    // What still runs could write into what is kept.
    if (processes && afterwards.length > 0 && (await processes.gone())) for (const then of afterwards) then()
    world.staging.discard(folders)
    resume.discard()
    if (job) void durable.then(job.discard, () => {})
    return { record, summary, requests, seconds, durable }
  } catch (error) {
    // What is still running could go on writing, here or into the next attempt.
    if (processes) await processes.gone()
    world.failed.keep(() => world.staging.gather(folders), `${world.run}-${name}`)
    await asker?.close()
    throw error
  } finally {
    used.close()
  }
}

/** Brings the folders of encoders here; what a stage is given of them are their files. */
async function provideEncoders(
  world: ExecutionWorld,
  node: GraphNode,
  inputs: { [name: string]: StageInput },
  services: ProvideServices,
): Promise<void> {
  for (const [name, ref] of node.inputs) {
    if (ref.type !== 'encoder') continue
    const files = await world.provide(ref, services)
    inputs[name] = { type: ref.kind, name: ref.name, model: ref.block, files }
  }
}

function readInputs(world: ExecutionWorld, node: GraphNode): { [name: string]: StageInput } {
  const facts = {
    record: (id: NodeId) => world.result(id),
    locate: world.store.blobs.locate.bind(world.store.blobs),
    sources: world.sources,
  }
  const inputs: { [name: string]: StageInput } = {}
  for (const [name, ref] of node.inputs) {
    const input = stageInput(ref, facts)
    if (!input) throw new Error(`input ${name} of ${node.id} is not known`)
    inputs[name] = input
  }
  return inputs
}

function inThread(
  threads: StageThreads,
  stage: string,
  context: StageContext<never>,
  work?: Json,
): Promise<StageSummary> {
  const { progress, ask, drain, signal, ...data } = context
  return threads.run(stage, work === undefined ? data : { ...data, work }, { progress, ask, drain, signal })
}

function serviceOf(definition: AnyStageDefinition): ServiceStageDefinition<never> | undefined {
  return definition.thread === 'main' ? (definition as ServiceStageDefinition<never>) : undefined
}

// A result made from bytes that changed meanwhile belongs to neither key.
async function refuseChangedInputs(
  world: ExecutionWorld,
  node: GraphNode,
  key: ActionKey,
  preimage: Preimage,
): Promise<void> {
  await world.sources.reload(node)
  const now = world.preimage(node)
  if (now && actionKey(now) === key) return
  const changed = Object.keys(preimage.inputs).find(
    (name) => JSON.stringify(now?.inputs[name]) !== JSON.stringify(preimage.inputs[name]),
  )
  throw changedInput(changed ?? '', node.id)
}

async function ingestOutputs(
  world: ExecutionWorld,
  node: GraphNode,
  folders: { readonly [name: string]: string },
  handed: { kept: ReadonlyMap<string, readonly KeptFile[]>; passed: ReadonlyMap<string, readonly ArtifactFile[]> },
): Promise<{ [name: string]: RecordedOutput }> {
  const outputs: { [name: string]: RecordedOutput } = {}
  for (const [name, kind] of Object.entries(node.outputs)) {
    const found = handed.kept.get(name)
    const { blobs } = world.store
    const made = found ? await ingestFiles(found, blobs) : await ingest(folders[name] as string, blobs)
    const passed: RecordedFile[] = []
    for (const file of handed.passed.get(name) ?? []) {
      if (!(await ingestKnown(file, blobs))) throw changedInput(file.path, node.id)
      const { path, size, executable, blob } = file
      passed.push({ path, size, executable, blob })
    }
    const files = sortByPath([...made, ...passed])
    outputs[name] = { kind, digest: artifactDigest(files), files }
  }
  return outputs
}

function changedInput(input: string, node: NodeId): StageError {
  return new StageError(`input ${input} changed while ${node} was running`, {
    advice: 'Its result was thrown away. Run again when the file is no longer being written.',
  })
}

function add(total: RequestCounts, counts: Partial<RequestCounts>): void {
  total.sent += counts.sent ?? 0
  total.cached += counts.cached ?? 0
  total.failed += counts.failed ?? 0
}
