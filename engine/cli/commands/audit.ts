import { resolve } from 'node:path'
import { openLabelLog } from '../../../cache/label-log.ts'
import { auditPage } from '../../audit/audit-page.ts'
import { Desk } from '../../audit/desk.ts'
import { outcomeText } from '../../audit/outcome-text.ts'
import { serveLocally } from '../../audit/server.ts'
import { readSubject, type Subject, sourcesOf } from '../../audit/subject.ts'
import { exportLabels, importLabels } from '../../audit/transfer.ts'
import { namedNodes, unknownName } from '../../plan/named-nodes.ts'
import { type Outcome, outcomeOf } from '../../report/audited/outcome.ts'
import { counted } from '../../report/words.ts'
import { listenForSignals } from '../../run/signals.ts'
import type { AuditCommandOptions } from '../audit-program.ts'
import { ExitStatus } from '../exit-status.ts'
import { openInBrowser } from '../open-in-browser.ts'
import { print } from '../print.ts'
import { tellError } from '../tell-error.ts'
import { withSession } from '../with-session.ts'

const MINUTE = 60_000

/** `queryloom audit`: a page on which a person judges, until Ctrl-C; or its labels written to a file, or taken from one. */
export function auditCommand(file: string, name: string, options: AuditCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const { graph, registry, store, pipeline } = session
    const nodes = namedNodes(graph, name)
    if (nodes.length === 0) return told(unknownName(graph, name), ExitStatus.invalid)
    const audits = await registry.audits?.()
    if (!audits) throw new Error('nothing can be judged in this build')
    const log = openLabelLog(store.root)
    const signals = listenForSignals()
    const note = (text: string): void => {
      if (!options.quiet && !options.json) process.stderr.write(`${text}\n`)
    }
    try {
      if (options.import !== undefined) {
        const { taken, known } = await importLabels(log, resolve(options.import))
        if (options.json) print(JSON.stringify({ taken, known }))
        else note(`${counted(taken, 'label')} taken in, ${known} known before`)
        return ExitStatus.ok
      }
      const found = sourcesOf(session, nodes)
      if ('problem' in found) return told(`${found.problem}\n  advice  ${found.advice}`, ExitStatus.failed)
      if (options.export !== undefined) {
        const written = await exportLabels(log, found, audits, options.export)
        if (options.export !== '-') note(`${counted(written, 'label')} written to ${options.export}`)
        return ExitStatus.ok
      }
      const { count, seed } = options
      const wish = { count, seed, signal: signals.drain, progress: note }
      const subject = await readSubject(session, audits, found, wish)
      if (subject.items.length === 0) return told('there is nothing to judge', ExitStatus.failed)
      const desk = new Desk(subject, log)
      const title = `${pipeline.name}: ${name}`
      const html = auditPage(title, subject)
      const page = { html: () => html, api: desk.api.bind(desk) }
      const server = await serveLocally(page, {
        idleMs: options.idle * MINUTE,
        signal: signals.drain,
        onError: (error) => void tellError(error, process.stderr),
      })
      const { judged } = desk
      if (options.json)
        print(
          JSON.stringify({ type: 'serving', url: server.url, form: subject.form, pairs: subject.items.length, judged }),
        )
      else {
        note(`${counted(subject.items.length, 'pair')} to judge, ${judged} judged so far. Ctrl-C ends this.`)
        print(server.url)
      }
      if (options.open && !options.json) openInBrowser(server.url)
      const how = await server.ended
      if (how === 'idle') note(`nobody used the page for ${counted(options.idle, 'minute')}`)
      const outcomes = outcomesOf(subject, log)
      if (options.json) print(JSON.stringify({ type: 'ended', how, judged: desk.judged, outcomes }))
      else if (desk.judged > 0) print(outcomeText(outcomes))
      return ExitStatus.ok
    } catch (error) {
      if (signals.received !== undefined) return ExitStatus.interrupted
      throw error
    } finally {
      signals.dispose()
      log.close()
    }
  })
}

function outcomesOf({ form, sources, items }: Subject, log: ReturnType<typeof openLabelLog>): Outcome[] {
  const known = log.all(form)
  return sources.map(({ label }) =>
    outcomeOf(
      label,
      form,
      items.flatMap(({ pair, by }) => (by.includes(label) ? [pair] : [])),
      known,
    ),
  )
}

function told(text: string, status: ExitStatus): ExitStatus {
  process.stderr.write(`${text}\n`)
  return status
}
