import { join } from 'node:path'
import { type Memos, openMemos } from '../../cache/memos.ts'
import { buildOf } from '../util/build.ts'

/** What the code that runs remembers in a store. */
export function memosOf({ root }: { root: string }): Memos {
  return openMemos(join(root, 'memos'), buildOf())
}
