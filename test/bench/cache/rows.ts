import type { RowKey } from '../../../cache/digest.ts'
import { openRowStore } from '../../../cache/row-store.ts'
import { rowKey } from '../../cache/record.ts'
import { type Measured, timed } from './files.ts'

const AT_ONCE = 1_000

/** So many rows in, the store reopened, every row looked up. */
export async function measureRows(folder: string, count: number): Promise<Measured[]> {
  const keys: RowKey[] = []
  for (let n = 0; n < count; n++) keys.push(rowKey(n))
  const answer = { answer: { choices: [{ text: ' a query of some twenty words '.repeat(4) }], model: 'm' } }
  const first = openRowStore(folder)
  const written = await timed(async () => {
    for (let at = 0; at < count; at += AT_ONCE) {
      await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => first.getOrRun(key, async () => answer)))
    }
    await first.flush()
  })
  await first.close()
  const next = openRowStore(folder)
  const opened = await timed(() => next.known(keys.slice(0, 1)))
  const known = await timed(() => next.known(keys))
  if (known.value.size !== count) throw new Error(`of ${count} rows ${known.value.size} were found`)
  await next.close()
  return [
    { what: `${count} rows in`, seconds: written.seconds, against: {} },
    { what: `${count} rows: reopened, one looked up`, seconds: opened.seconds, against: {} },
    { what: `${count} rows: all looked up`, seconds: known.seconds, against: {} },
  ]
}
