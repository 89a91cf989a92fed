import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ActionRecord } from '../../../cache/action-log.ts'
import { artifactDigest } from '../../../cache/artifact.ts'
import { openStore, type Store } from '../../../cache/store.ts'
import { viewName } from '../../../engine/run/view-name.ts'
import { actionKey } from '../../cache/record.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

export const DAY: number = 24 * 3600_000
/** The time at which these tests look at their stores. */
export const NOW: number = Date.now()

/** A store whose results were made long ago. */
export interface AgedStore {
  root: string
  store: Store
  /** A result of a node of `p.yaml`, made so many days ago. */
  result(node: string, text: string, days: number, project?: string): Promise<ActionRecord>
  /** The journal of a run that used a result so many days ago, as `owner` says still at it or not. */
  run(id: string, used: readonly ActionRecord[], days: number, live?: { owner: string }): void
  /** A view of a result, linked from `out/` or not. */
  view(record: ActionRecord, days: number): string
}

/** Makes an empty one. */
export async function agedStore(project: string = temporaryFolder()): Promise<AgedStore> {
  const root = join(project, '.queryloom')
  const store = await openStore(root)
  return {
    root,
    store,
    result: async (node, text, days, of = '.') => {
      const { id, size } = await store.blobs.put(Buffer.from(text))
      const files = [{ path: 'out.txt', size, executable: false, blob: id }]
      const record: ActionRecord = {
        project: of,
        pipeline: 'p.yaml',
        node,
        key: actionKey({ node, text, of }),
        outputs: { out: { kind: 'file', digest: artifactDigest(files), files } },
        summary: {},
        incomplete: 0,
        run: 'r',
        engine: '0',
        startedAt: new Date(NOW - days * DAY).toISOString(),
        seconds: 0,
        requests: { sent: 0, cached: 0, failed: 0 },
      }
      await store.actions.append(record, { node })
      age(store.blobs.locate(id), days)
      return record
    },
    run: (id, used, days, live) => {
      const folder = join(root, 'runs', id)
      mkdirSync(folder, { recursive: true })
      const at = NOW - days * DAY
      const events = [
        { at, type: 'run-started', run: id, pipeline: 'p', file: join(project, 'p.yaml'), nodes: used.length },
        ...used.map(({ node, key }) => ({ at, type: 'node-restored', node, key, cutOff: false })),
        ...(live ? [] : [{ at, type: 'run-finished', status: 'ok' }]),
      ]
      writeFileSync(join(folder, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
      if (live) writeFileSync(join(folder, 'owner.json'), live.owner)
      age(join(folder, 'events.jsonl'), days)
      age(folder, days)
    },
    view: (record, days) => {
      const folder = join(root, 'views', viewName(record))
      mkdirSync(join(folder, 'out'), { recursive: true })
      writeFileSync(join(folder, 'out', 'out.txt'), 'shown')
      for (const path of [join(folder, 'out', 'out.txt'), join(folder, 'out'), folder]) age(path, days)
      return folder
    },
  }
}

/** Writes a file of a project. */
export function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** Makes a file or folder so many days old. */
export function age(path: string, days: number): void {
  const time = (NOW - days * DAY) / 1000
  utimesSync(path, time, time)
}
