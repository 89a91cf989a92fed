import { createReadStream } from 'node:fs'
import { join, relative } from 'node:path'
import { pipeline as pipe } from 'node:stream/promises'
import { namedNodes, unknownName } from '../../plan/named-nodes.ts'
import type { NodeId } from '../../plan/node.ts'
import { eventsOf, isRunOf, type PastRun, runHistory } from '../../report/run-history.ts'
import { plainView } from '../../report/views/plain.ts'
import { printable } from '../../report/words.ts'
import type { RunEvent } from '../../run/events.ts'
import { logPath } from '../../run/run-folder.ts'
import type { Session } from '../../session.ts'
import { logSize } from '../../util/log-tail.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { LogsCommandOptions } from '../program.ts'
import { withSession } from '../with-session.ts'

/** A run that executed a node, and what its journal says of the node. */
interface Found {
  node: NodeId
  past: PastRun
  events: readonly RunEvent[]
  log: string
}

/** `queryloom logs`: the newest log of a node; of a node whose stage logs nothing, what the journal says of it. */
export function logsCommand(file: string, name: string, options: LogsCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const nodes = namedNodes(session.graph, name)
    if (nodes.length === 0) {
      process.stderr.write(`${unknownName(session.graph, name)}\n`)
      return ExitStatus.invalid
    }
    const found = findNewest(session, nodes, options.run)
    const [first] = found
    if (!first) {
      const where = options.run === undefined ? 'no run' : `no run ${options.run}`
      process.stderr.write(`${where} of this pipeline executed ${name}; queryloom runs lists its runs\n`)
      return ExitStatus.failed
    }
    if (options.json)
      printJson(found.map(({ node, past, log }) => ({ node, run: past.run, status: past.status, ...place(log) })))
    else if (found.length > 1) for (const { node, log } of found) print(`${node}  ${shown(log)}`)
    else await printLog(first, options.quiet ?? false)
    return ExitStatus.ok
  })
}

function place(log: string): { log: string | null; bytes: number } {
  const bytes = logSize(log)
  return { log: bytes > 0 ? log : null, bytes }
}

function shown(log: string): string {
  return logSize(log) > 0 ? relative(process.cwd(), log) : 'no log'
}

function findNewest({ store, pipeline }: Session, nodes: readonly NodeId[], wanted: string | undefined): Found[] {
  const left = new Set(nodes)
  const found = new Map<NodeId, Found>()
  for (const past of runHistory(store.root)) {
    if (left.size === 0) break
    if (wanted !== undefined && !past.run.startsWith(wanted)) continue
    if (!isRunOf(past, pipeline.file, relative(pipeline.root, pipeline.file))) continue
    for (const node of left) {
      const events = eventsOf(past, node)
      if (!events.some(({ type }) => type === 'node-started')) continue
      left.delete(node)
      found.set(node, { node, past, events, log: logPath(past.folder, node) })
    }
  }
  return nodes.flatMap((node) => found.get(node) ?? [])
}

async function printLog({ node, past, events, log }: Found, quiet: boolean): Promise<void> {
  const note = (text: string): void => void (quiet || process.stderr.write(`${text}\n`))
  if (logSize(log) === 0) {
    note(`no process of ${node} wrote a log in run ${past.run} (${past.status}); its journal says:`)
    const view = plainView({ write: (text) => void process.stdout.write(text) })
    for (const event of events) view.event(event)
    await view.close()
    note(`all logs of that run: ${join(relative(process.cwd(), past.folder), 'logs')}`)
    return
  }
  note(`${node} in run ${past.run} (${past.status}): ${relative(process.cwd(), log)}`)
  const lines = createReadStream(log, { encoding: 'utf8' })
  // Logs come from outside: a terminal must not obey them, a pipe gets them as they are.
  if (process.stdout.isTTY) for await (const text of lines) process.stdout.write(printable(text))
  else await pipe(lines, process.stdout, { end: false })
}
