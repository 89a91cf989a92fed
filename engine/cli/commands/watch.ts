import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { Plan } from '../../plan/decision.ts'
import { loadGraph } from '../../plan/load-graph.ts'
import { paintFor } from '../../report/colour.ts'
import { planJson } from '../../report/plan-json.ts'
import { planText, totalsText } from '../../report/plan-text.ts'
import { listenForSignals } from '../../run/signals.ts'
import { makePlan } from '../../session.ts'
import { FileWatch, look } from '../../watch/file-watch.ts'
import { planChanges, planChangesText } from '../../watch/plan-changes.ts'
import { filesRead } from '../../watch/read-files.ts'
import { ExitStatus } from '../exit-status.ts'
import { print } from '../print.ts'
import { chosenNodes } from '../selection-options.ts'
import type { WatchCommandOptions } from '../setup-program.ts'
import { withSession } from '../with-session.ts'

/** `queryloom watch`: plans after every save until it is interrupted; a pipeline that is broken meanwhile is waited for. */
export async function watchCommand(
  name: string,
  names: readonly string[],
  options: WatchCommandOptions,
): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  const file = resolve(name)
  const signals = listenForSignals()
  const saves = new Saves(signals.drain)
  const files = new FileWatch(() => saves.note())
  let last: Plan | undefined
  let read: ReadonlySet<string> = new Set()
  try {
    while (!signals.drain.aborted) {
      const { param: params, params: paramsFiles, only } = options
      const loaded = loadGraph(file, { params, paramsFiles, only, paramsFolder: process.cwd(), registry })
      // Of a broken pipeline it is not known all that it reads.
      const isBroken = loaded.graph === undefined
      read = new Set([...(isBroken ? read : []), ...filesRead(file, loaded, registry)])
      const seen = look(read)
      const plan = await planned(name, names, options)
      if (plan) {
        tell(last, plan, options)
        last = plan
        if (options.run && plan.totals.cached < plan.nodes.length) last = await ran(name, names, options, plan)
      }
      if (signals.drain.aborted) break
      files.watch(read, seen, isBroken)
      await saves.next()
    }
    return ExitStatus.ok
  } finally {
    files.close()
    signals.dispose()
  }
}

/** The plan now; undefined after telling what is wrong with the pipeline. */
async function planned(
  file: string,
  names: readonly string[],
  options: WatchCommandOptions,
): Promise<Plan | undefined> {
  let plan: Plan | undefined
  await withSession(file, options, async (session) => {
    const selection = chosenNodes(session.graph, names, options)
    if (!selection) return ExitStatus.invalid
    plan = await makePlan(session, { selection, slots: options.jobs ?? availableParallelism() })
    return ExitStatus.ok
  })
  return plan
}

function tell(last: Plan | undefined, plan: Plan, options: WatchCommandOptions): void {
  if (options.json) {
    if (!options.run) print(JSON.stringify(planJson(plan)))
    return
  }
  if (!last) {
    print(planText(plan, { paint: paintFor(process.stdout) }))
    return
  }
  const changes = planChanges(last, plan)
  const at = new Date().toTimeString().slice(0, 8)
  if (changes.length === 0) print(`\n${at} saved; the plan is the same`)
  else print(`\n${at} saved\n${planChangesText(changes)}\n${totalsText(plan)}`)
}

/** Runs it, and plans again, so that the next save is compared with what stands then. */
async function ran(
  file: string,
  names: readonly string[],
  options: WatchCommandOptions,
  plan: Plan,
): Promise<Plan | undefined> {
  const { runCommand } = await import('./run.ts')
  await runCommand(file, names, { ...options })
  return (await planned(file, names, { ...options, quiet: true })) ?? plan
}

/** Saves that nobody has looked at yet. */
class Saves {
  readonly #ended: AbortSignal
  #noted = false
  #wake: () => void = () => {}

  constructor(ended: AbortSignal) {
    this.#ended = ended
    ended.addEventListener('abort', () => this.#wake(), { once: true })
  }

  note(): void {
    this.#noted = true
    this.#wake()
  }

  /** Resolves when there is one, or at the end. */
  async next(): Promise<void> {
    if (!this.#noted && !this.#ended.aborted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    this.#noted = false
  }
}
