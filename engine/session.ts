import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path'
import { rowsOfRemotes } from '../cache/remote-rows.ts'
import { Remotes } from '../cache/remotes.ts'
import { openStore, type Store } from '../cache/store.ts'
import { openToolsCache } from '../cache/tools-cache.ts'
import type { Registry } from '../stages/define.ts'
import { type Lockfile, lockPath } from './lock/lockfile.ts'
import { pinsOf } from './lock/pins-of.ts'
import { readLockfile } from './lock/read-lockfile.ts'
import type { Diagnostic } from './parse/diagnostic.ts'
import type { PipelineFacts } from './parse/pipeline.ts'
import { projectRoot } from './parse/project-root.ts'
import type { Plan } from './plan/decision.ts'
import { GraphMemo } from './plan/graph-memo.ts'
import type { Question } from './plan/outside.ts'
import { type PlanOptions, type PlanWorld, makePlan as planAll } from './plan/plan.ts'
import { SourceFiles } from './plan/source-files.ts'

/** What a command was called with, as far as it decides which pipeline is meant and where its results lie. */
export interface SessionRequest {
  file: string
  registry: Registry
  /** Raw values of `-p`, by name. */
  params?: { readonly [name: string]: string }
  /** Paths of params files. */
  paramsFiles?: readonly string[]
  /** Labels that an axis is narrowed to, by axis. */
  only?: { readonly [axis: string]: readonly string[] }
  /** The store; default `.queryloom/` at the project's root. */
  home?: string
  /** Where views of outputs are linked; default `out/` at the project's root. */
  out?: string
  /** The lockfile; default `NAME.lock` beside the pipeline. */
  lock?: string
  /** Whether no other result will do where one is pinned. */
  locked?: boolean
  cwd?: string
  /** The only remote to use, by name; none with `false`. */
  remote?: string | false
}

/** A valid pipeline with its graph and its open store. */
export interface Session extends PlanWorld {
  pipeline: PipelineFacts
  registry: Registry
  store: Store
  remotes: Remotes
  /** Folder of the views, one link a node. */
  out: string
  /** Where the lockfile is, and what it says if there is one. */
  lockFile: string
  lock?: Lockfile
  close(): Promise<void>
}

/** Reads and checks a pipeline; the store is opened only if it is valid. */
export async function openSession(
  request: SessionRequest,
): Promise<{ diagnostics: readonly Diagnostic[]; session?: Session }> {
  const cwd = request.cwd ?? process.cwd()
  const file = resolve(cwd, request.file)
  const { registry } = request
  const { params = {}, paramsFiles = [], only = {} } = request
  // Where a command is called matters only for paths that it gives.
  const paramsFolder = Object.keys(params).length + paramsFiles.length > 0 ? cwd : dirname(file)
  const asked = { file, params, paramsFiles, paramsFolder, only }
  const home = request.home ?? join(projectRoot(dirname(file)), '.queryloom')
  const root = resolve(cwd, home)
  const memo = new GraphMemo(root, registry)
  let known = memo.recall(asked)
  let questions: readonly Question[] | undefined
  if (!known) {
    // The parser and the schemas take longer to load than an unchanged pipeline takes to plan.
    const { loadGraph } = await import('./plan/load-graph.ts')
    const { graph, diagnostics, ...loaded } = loadGraph(file, { ...asked, registry })
    if (!graph) return { diagnostics }
    known = { graph, diagnostics }
    questions = loaded.questions
  }
  const { graph, diagnostics } = known
  const { pipeline } = graph
  const lockFile = request.lock === undefined ? lockPath(file) : resolve(cwd, request.lock)
  const { lock, diagnostics: broken } = await readLockfile(lockFile)
  if (broken.length > 0) return { diagnostics: [...diagnostics, ...broken] }
  const local = await openStore(root)
  const remotes = new Remotes(local, {
    project: pipeline.root,
    ...(request.remote === undefined ? {} : { only: request.remote }),
  })
  const store = { ...local, rows: rowsOfRemotes(local.rows, remotes, 'llm') }
  if (questions) memo.remember(asked, known, questions)
  const project = projectName(pipeline.root, root)
  const place = relative(pipeline.root, file)
  const session: Session = {
    pipeline,
    registry,
    graph,
    store,
    remotes,
    sources: new SourceFiles(store.memo, (part) => registry.datasets.fetched?.(part, openToolsCache())),
    out: join(request.out === undefined ? join(pipeline.root, 'out') : resolve(cwd, request.out), outName(file)),
    lockFile,
    ...(lock ? { lock, pins: pinsOf(lock, request.locked ?? false) } : {}),
    address: (node) => ({ project, pipeline: place, node }),
    close: () => {
      remotes.close()
      return store.close()
    },
  }
  return { diagnostics, session }
}

/** Decides and estimates the graph of a session, or what is chosen of it. */
export function makePlan(session: Session, options: PlanOptions = {}): Promise<Plan> {
  return planAll(session, options)
}

// A project that holds its own store is found again wherever both are moved to.
function projectName(root: string, store: string): string {
  const path = relative(dirname(store), root)
  return path.startsWith('..') || isAbsolute(path) ? root : path || '.'
}

function outName(file: string): string {
  return basename(file, extname(file))
}
