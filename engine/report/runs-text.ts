import type { PastRun } from './run-history.ts'
import { textTable } from './text-table.ts'
import { count, duration, moment, printable } from './words.ts'

/** Runs as a table, one a line; what a run without an end did is not known. */
export function runsText(runs: readonly PastRun[]): string {
  return textTable(
    [
      { title: 'run', align: 'left' },
      { title: 'started', align: 'left' },
      { title: 'pipeline', align: 'left' },
      { title: 'status', align: 'left' },
      { title: 'executed', align: 'right' },
      { title: 'cached', align: 'right' },
      { title: 'failed', align: 'right' },
      { title: 'requests', align: 'right' },
      { title: 'time', align: 'right' },
    ],
    runs.map(({ run, startedAt, pipeline, status, finished }) => [
      run,
      moment(startedAt),
      pipeline === null ? '?' : printable(pipeline).replace(/\s+/g, ' '),
      status,
      ...(finished
        ? [
            count(finished.nodes.executed),
            count(finished.nodes.cached),
            count(finished.nodes.failed),
            count(finished.requests.sent),
            duration(finished.seconds),
          ]
        : []),
    ]),
  )
}

/** The same for programs. */
export function runsJson(runs: readonly PastRun[]): object[] {
  return runs.map(({ run, folder, startedAt, pipeline, file, status, finished }) => ({
    run,
    started_at: new Date(startedAt).toISOString(),
    pipeline,
    file,
    status,
    nodes: finished?.nodes ?? null,
    requests: finished?.requests ?? null,
    seconds: finished?.seconds ?? null,
    folder,
  }))
}
