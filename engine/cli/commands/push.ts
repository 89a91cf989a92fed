import { pushResults } from '../../../cache/push.ts'
import { loadSigner } from '../../../cache/signing.ts'
import { StoreError } from '../../../cache/store-error.ts'
import type { SyncedRemote } from '../../../cache/synced-remote.ts'
import { bytes, count, counted } from '../../report/words.ts'
import { pushRequest } from '../../run/push-request.ts'
import { makePlan, type Session } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { PushCommandOptions } from '../remote-program.ts'
import { chosenNodes } from '../selection-options.ts'
import { withSession } from '../with-session.ts'

/** `queryloom push`: the results that are up to date, and the answers of models that they were made from. */
export function pushCommand(file: string, names: readonly string[], options: PushCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const selection = chosenNodes(session.graph, names, options)
    if (!selection) return ExitStatus.invalid
    const remote = await target(session)
    const signer = loadSigner(options.key)
    if (!signer && !remote.config.unsigned) throw unsigned(remote)
    if (!(await remote.sync())) return ExitStatus.failed
    const plan = await makePlan(session, { selection })
    const { missing, unlisted, ...request } = await pushRequest(session, plan)
    const { report } = await pushing(session, remote, { ...request, signer, repair: options.repair ?? false })
    if (!report) return ExitStatus.failed
    const fetchable = plan.nodes.filter(({ decision }) => decision.kind === 'fetch').length
    const left = missing - fetchable
    if (options.json) printJson({ remote: remote.config.name, ...report, not_up_to_date: left })
    else if (!options.quiet) {
      const known = request.results.length - report.results + fetchable
      print(
        `${remote.config.name}: ${counted(report.results, 'result')} pushed, ${count(known)} there before; ` +
          `${counted(report.blobs.sent, 'file')} and ${counted(report.rows.sent, 'stored answer')} sent (${bytes(report.bytes)})`,
      )
    }
    if (left > 0)
      process.stderr.write(`warning: ${counted(left, 'node')} not up to date: run the pipeline, then push\n`)
    if (unlisted > 0)
      process.stderr.write(`warning: of ${counted(unlisted, 'result')} it is not known which answers they need\n`)
    return ExitStatus.ok
  })
}

async function pushing(
  session: Session,
  remote: SyncedRemote,
  request: Omit<Parameters<typeof pushResults>[2], 'onProgress'>,
): Promise<{ report?: Awaited<ReturnType<typeof pushResults>> }> {
  const done: { report?: Awaited<ReturnType<typeof pushResults>> } = {}
  const here = { blobs: session.store.blobs, rows: new Map([['llm', session.store.rows]]) }
  await remote.attempt('the push was cut short; what arrived is kept, and push goes on from there', async () => {
    done.report = await pushResults(remote, here, { ...request, onProgress: () => {} })
  })
  return done
}

async function target({ remotes }: Session): Promise<SyncedRemote> {
  await remotes.load()
  const writable = remotes.all.filter(({ config }) => config.write)
  const [only, another] = writable
  if (only && !another) return only
  const names = (another ? writable : remotes.all).map(({ config }) => config.name).join(', ')
  const message = another
    ? `several remotes can be pushed to: ${names}`
    : names === ''
      ? 'no remote is configured'
      : `nothing may be pushed to ${names}`
  throw new StoreError(message, {
    problem: 'not-writable',
    advice: another ? 'name one: --remote NAME' : 'a remote is read-only unless its entry says `write: true`',
  })
}

function unsigned(remote: SyncedRemote): StoreError {
  return new StoreError(`there is no key to sign with, and ${remote.config.name} takes nothing unsigned`, {
    problem: 'not-writable',
    advice: 'make one with `queryloom keys new`, and have the others trust its public part',
  })
}
