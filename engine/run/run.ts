import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionRecord } from '../../cache/action-log.ts'
import type { ActionKey } from '../../cache/digest.ts'
import type { RequestCounts } from '../../stages/define.ts'
import type { Decision, Plan, PlannedNode, StaleReason } from '../plan/decision.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import { decide } from '../plan/plan.ts'
import { actionKey } from '../plan/preimage.ts'
import { beginRounds, forgetFinishedRounds } from '../plan/rounds.ts'
import type { Session } from '../session.ts'
import { actionTurn } from './action-turn.ts'
import { attempts } from './attempts.ts'
import { Children, sweepChildren } from './children.ts'
import type { RunEvent, RunStatus, RunTotals } from './events.ts'
import { type ExecutionWorld, executeNode } from './execute-node.ts'
import { failureOf } from './failure.ts'
import { Journal } from './journal.ts'
import { ModelLedger } from './model-ledger.ts'
import { type NewEvent, openExecution } from './open-execution.ts'
import { registerPipeline } from './registered-pipelines.ts'
import { logPath, makeRunFolder } from './run-folder.ts'
import type { RunOptions, RunResult } from './run-options.ts'
import { type Outcome, schedule } from './scheduler.ts'
import { capacityOf, taskOf } from './tasks.ts'
import { Views } from './views.ts'

const PROGRESS_MS = 100
const JUST_NOW_MS = 2_000
/** Nodes that a warning names. */
const NAMED = 5

/** Carries out a plan: restores what is there, executes the rest in parallel, and reports everything as events. */
export async function runPlan(session: Session, plan: Plan, options: RunOptions): Promise<RunResult> {
  const run = new Run(session, plan, options)
  return run.execute()
}

class Run {
  readonly #session: Session
  readonly #plan: Plan
  readonly #options: RunOptions
  readonly #id: string
  readonly #folder: string
  readonly #journal: Journal
  readonly #children: Children
  readonly #views: Views
  readonly #results = new Map<NodeId, ActionRecord>()
  /** Nodes whose results the disk refused: others may have gone on with them, but nobody is told of them. */
  readonly #unrecorded = new Set<NodeId>()
  readonly #planned: ReadonlyMap<NodeId, PlannedNode>
  /** Made in this run; the log shows them only when they are on the disk. */
  readonly #made = new Map<ActionKey, ActionRecord>()
  readonly #durable: Promise<void>[] = []
  readonly #totals: RunTotals
  readonly #started = Date.now()
  #hasLogs: boolean = false
  readonly #drain: AbortSignal
  readonly #kill: AbortSignal

  constructor(session: Session, plan: Plan, options: RunOptions) {
    this.#session = session
    this.#plan = plan
    this.#options = options
    this.#drain = options.drain ?? new AbortController().signal
    this.#kill = options.kill ?? new AbortController().signal
    const { id, folder } = makeRunFolder(session.store.root, new Date(this.#started))
    this.#id = id
    this.#folder = folder
    this.#journal = new Journal(this.#folder)
    this.#children = new Children(session.store.root, this.#id)
    this.#views = new Views(session.store, session.out, session.graph)
    this.#planned = new Map(plan.nodes.map((planned) => [planned.node.id, planned]))
    this.#totals = {
      nodes: { executed: 0, cached: 0, fetched: 0, failed: 0, skipped: 0 },
      requests: { sent: 0, cached: 0, failed: 0 },
      children: 0,
      bytes_hashed: 0,
      seconds: 0,
    }
  }

  async execute(): Promise<RunResult> {
    const { pipeline, store } = this.#session
    this.#emit({
      type: 'run-started',
      run: this.#id,
      pipeline: pipeline.name,
      file: pipeline.file,
      nodes: this.#plan.nodes.length,
    })
    this.#session.remotes.listen((message) => this.#emit({ type: 'warning', message }))
    for (const title of sweepChildren(store.root))
      this.#emit({ type: 'warning', message: `ended what an interrupted run had left running: ${title}` })
    forgetFinishedRounds(this.#session)
    await beginRounds(this.#session, this.#plan.rounds)
    const continued = [...this.#plan.rounds.continued]
    if (continued.length > 0) {
      const names = continued.slice(0, NAMED).join(', ') + (continued.length > NAMED ? ', ..' : '')
      const message = `asking again goes on where an earlier run was cut short, and keeps what that was answered: ${names}`
      this.#emit({ type: 'warning', message })
    }
    registerPipeline(this.#session)
    // Results may have been forgotten since the plan was made: from now on this run is seen, and what it finds is kept.
    store.actions.refresh()
    const todo = new Map<NodeId, GraphNode>()
    for (const { node, decision, key } of this.#plan.nodes) {
      const record = decision.kind === 'cached' && !store.actions.isForgotten(decision.record) && decision.record
      if (record && key && !node.needs.some((id) => todo.has(id)))
        await this.#restore(node, key, record, { remote: this.#options.fetched?.get(node.id) })
      else todo.set(node.id, node)
    }
    if (todo.size > 0) await this.#executeAll([...todo.values()])
    await Promise.all([store.actions.flush(), ...this.#durable])
    this.#views.close()
    forgetFinishedRounds(this.#session)
    return this.#finish()
  }

  async #executeAll(todo: readonly GraphNode[]): Promise<void> {
    const { graph } = this.#session
    const { machine } = this.#options
    const { world, here, provision, leave, close } = await openExecution(this.#session, this.#plan, todo, {
      id: this.#id,
      folder: this.#folder,
      options: this.#options,
      children: this.#children,
      kill: this.#kill,
      result: (id) => this.#results.get(id),
      emit: (event) => this.#emit(event),
    })
    try {
      await schedule({
        tasks: here.map((node) =>
          taskOf(node, machine, provision.needs.get(node.id), this.#planned.get(node.id)?.estimate.seconds ?? 1),
        ),
        capacity: capacityOf(machine, graph.pools),
        gate: provision.gate,
        drain: this.#drain,
        failFast: this.#options.failFast ?? false,
        run: async (id) => {
          const node = graph.nodes.get(id) as GraphNode
          const outcome = await this.#runNode(world, node)
          await leave(node)
          return outcome
        },
        onQueued: (node) => this.#emit({ type: 'node-queued', node }),
        onSkipped: (node, because) => {
          this.#totals.nodes.skipped++
          this.#emit({ type: 'node-skipped', node, because })
          void leave(graph.nodes.get(node) as GraphNode)
        },
      })
    } finally {
      await close()
    }
  }

  /** Restores or executes one node. Never rejects. */
  async #runNode(world: ExecutionWorld, node: GraphNode): Promise<Outcome> {
    const log = logPath(this.#folder, node.id)
    const requests: RequestCounts = { sent: 0, cached: 0, failed: 0 }
    const ledger = new ModelLedger()
    try {
      // Before anything was started only others can have changed a source since the plan; copies are compared with it.
      await this.#session.sources.reload(node, this.#children.count === 0 ? JUST_NOW_MS : 0)
      const preimage = world.preimage(node)
      if (!preimage) throw new Error(`an input of ${node.id} is not known`)
      const key = actionKey(preimage)
      let isStarted = false
      const start = (): void => {
        if (isStarted) return
        isStarted = true
        if (!this.#hasLogs) mkdirSync(join(this.#folder, 'logs'), { recursive: true })
        this.#hasLogs = true
        const { stage, definition } = node
        this.#emit({ type: 'node-started', node: node.id, stage, uses: definition.type, key, log, reasons })
      }
      let reasons: readonly StaleReason['kind'][] = []
      let decision: Decision | undefined
      const turn = await actionTurn(this.#session.store, this.#id, key, {
        stored: () => {
          decision = decide(world, node, key, preimage)
          reasons = decision.kind === 'run' ? decision.reasons.map(({ kind }) => kind) : []
          return this.#made.get(key) ?? (decision.kind === 'cached' ? decision.record : undefined)
        },
        onWait: (note) => {
          start()
          this.#emit({ type: 'node-progress', node: node.id, done: 0, note })
        },
        signal: this.#drain,
      })
      if (turn.record) {
        const cutOff = this.#planned.get(node.id)?.decision.kind === 'pending'
        await this.#restore(node, key, turn.record, { cutOff })
        return 'done'
      }
      const made = await turn.use(async () => {
        const fetched = await this.#fetch(node, decision)
        if (fetched) return fetched
        start()
        return attempts(
          // The time of a job is counted where it runs: it may wait for long.
          world.elsewhere?.has(node) ? { retry: node.retry } : node,
          { drain: this.#drain, kill: this.#kill },
          (signal) =>
            executeNode(world, node, key, preimage, {
              log,
              signal,
              drain: this.#drain,
              requests,
              ledger,
              onProgress: this.#progress(node, ledger),
              onNote: (message) => this.#emit({ type: 'warning', message, node: node.id }),
            }),
          (attempt, error, waitMs) => {
            const failure = failureOf(error, log)
            this.#emit({ type: 'node-retried', node: node.id, attempt, failure, waitMs })
          },
        )
      })
      if ('remote' in made) {
        const { record, remote } = made
        await this.#restore(node, key, this.#options.onMade?.(node, record) ?? record, { remote })
        return 'done'
      }
      const { summary, seconds, durable } = made
      this.#durable.push(
        durable.catch((error) => {
          this.#unrecorded.add(node.id)
          this.#fail(node, error, log, requests)
        }),
      )
      const record = this.#options.onMade?.(node, made.record) ?? made.record
      this.#results.set(node.id, record)
      if (record.incomplete === 0) this.#made.set(key, record)
      await this.#show(node, record)
      this.#totals.nodes.executed++
      this.#emit({ type: 'node-finished', node: node.id, key, seconds, summary, requests })
      return 'done'
    } catch (error) {
      if (this.#drain.aborted && (error === this.#drain.reason || error === this.#kill.reason)) {
        this.#totals.nodes.skipped++
        this.#emit({ type: 'node-skipped', node: node.id, because: 'interrupted' })
        return 'skipped'
      }
      this.#fail(node, error, log, requests)
      return 'failed'
    } finally {
      const { models } = ledger
      if (models) this.#emit({ type: 'models-used', node: node.id, models })
      this.#totals.requests.sent += requests.sent
      this.#totals.requests.cached += requests.cached
      this.#totals.requests.failed += requests.failed
    }
  }

  /** The result of a node whose key only became known in the run, if a remote has it. */
  async #fetch(
    node: GraphNode,
    decision: Decision | undefined,
  ): Promise<{ record: ActionRecord; remote: string; durable: Promise<void> } | undefined> {
    if (decision?.kind !== 'fetch') return undefined
    const { remotes, address } = this.#session
    const record = await remotes.fetch(decision.record, address(node.id))
    return record && { record, remote: decision.remote, durable: Promise.resolve() }
  }

  async #restore(
    node: GraphNode,
    key: ActionKey,
    record: ActionRecord,
    { cutOff = false, remote }: { cutOff?: boolean; remote?: string | undefined },
  ): Promise<void> {
    this.#results.set(node.id, record)
    const { store, address } = this.#session
    this.#durable.push(store.actions.moveHead(address(node.id), record).catch(() => {}))
    await this.#show(node, record)
    this.#totals.nodes[remote === undefined ? 'cached' : 'fetched']++
    this.#emit({ type: 'node-restored', node: node.id, key, cutOff, ...(remote === undefined ? {} : { remote }) })
  }

  async #show(node: GraphNode, record: ActionRecord): Promise<void> {
    if (this.#options.views === false) return
    try {
      const aside = await this.#views.show(node, record)
      if (aside) {
        const message = `files below ${this.#session.out} were edited; they were moved to ${aside} and made anew`
        this.#emit({ type: 'warning', message, node: node.id })
      }
    } catch (error) {
      // The result is recorded: a view that can't be made is a nuisance, not a failure.
      this.#emit({ type: 'warning', message: `no view of ${node.id}: ${(error as Error).message}`, node: node.id })
    }
  }

  #fail(node: GraphNode, error: unknown, log: string, requests: RequestCounts): void {
    this.#totals.nodes.failed++
    const failure = failureOf(error, existsSync(log) ? log : undefined, this.#session.store.root)
    this.#emit({ type: 'node-failed', node: node.id, failure, requests })
  }

  #progress(node: GraphNode, ledger: ModelLedger): Parameters<typeof executeNode>[4]['onProgress'] {
    let last = 0
    return (done, total, note, requests) => {
      const now = Date.now()
      if (now - last < PROGRESS_MS && done !== total) return
      last = now
      this.#emit({
        type: 'node-progress',
        node: node.id,
        done,
        requests: { ...requests },
        ...(ledger.tokens > 0 ? { tokens: ledger.tokens } : {}),
        ...(total === undefined ? {} : { total }),
        ...(note === undefined ? {} : { note }),
      })
    }
  }

  #finish(): RunResult {
    const totals = this.#totals
    totals.children = this.#children.count
    totals.bytes_hashed = this.#session.store.bytesHashed()
    totals.seconds = (Date.now() - this.#started) / 1000
    const status: RunStatus = this.#drain.aborted ? 'interrupted' : totals.nodes.failed > 0 ? 'failed' : 'ok'
    this.#emit({ type: 'run-finished', status, ...totals })
    this.#journal.close()
    for (const node of this.#unrecorded) this.#results.delete(node)
    return { status, ...totals, run: this.#id, folder: this.#folder, results: this.#results }
  }

  #emit(event: NewEvent): void {
    const timed = { at: Date.now(), ...event } as RunEvent
    const refused = this.#journal.append(timed)
    this.#options.onEvent(timed)
    if (refused) this.#emit({ type: 'warning', message: `the journal of this run ends here: ${refused.message}` })
  }
}
