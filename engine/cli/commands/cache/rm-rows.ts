import { join } from 'node:path'
import { removeRows } from '../../../../cache/remove-rows.ts'
import { namedNodes, unknownName } from '../../../plan/named-nodes.ts'
import { bytes, counted } from '../../../report/words.ts'
import { rowsOfNodes } from '../../../upkeep/rows-of-nodes.ts'
import { liveRuns } from '../../../upkeep/usage.ts'
import type { RmOptions } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../print.ts'
import { withSession } from '../../with-session.ts'
import { told } from './open-cache.ts'

/** `queryloom cache rm --rows`: the stored answers that nodes are made from, as their pipeline stands now. */
export function rmRowsCommand(words: readonly string[], options: RmOptions & { file: string }): Promise<ExitStatus> {
  const { file, home, yes = false, json = false, quiet = false } = options
  const common = { param: {}, params: [], only: {}, quiet: true, ...(home === undefined ? {} : { home }) }
  return withSession(file, common, async (session) => {
    const named = words.map((word) => ({ word, nodes: namedNodes(session.graph, word) }))
    const unknown = named.find(({ nodes }) => nodes.length === 0)
    if (unknown) return told(unknownName(session.graph, unknown.word))
    const keys = await rowsOfNodes(
      session,
      named.flatMap(({ nodes }) => [...nodes]),
    )
    const live = liveRuns(session.store.root, Date.now())
    if (yes && live.length > 0) {
      return told(`answers can't be removed while runs go on: ${live.map(({ run }) => run).join(', ')}`)
    }
    const folder = join(session.store.root, 'rows', 'llm')
    const removed = yes && keys.size > 0 ? await removeRows(folder, keys) : { rows: 0, bytes: 0 }
    if (json) printJson({ removed: yes, keys: keys.size, ...removed })
    else if (yes && !quiet)
      print(`${counted(removed.rows, 'answer')} of models removed for good, ${bytes(removed.bytes)}`)
    else if (!yes) {
      print(`${counted(keys.size, 'answer')} of models would be removed for good: they were paid for, and asking again`)
      print('costs as much again, also for other nodes that share them. Say --yes to do it; results stay.')
    }
    return ExitStatus.ok
  })
}
