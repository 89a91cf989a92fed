import { cpSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../rig/temporary.ts'

/** Names that sort differently by locale, by UTF-16 and by UTF-8, or differ in case only. */
const NAMES = ['B', 'a', 'Z.txt', 'ä.txt', 'i.txt', 'I.txt', 'ı.txt', '_x', '10.txt', '9.txt', '\uffee.txt', '😀.txt']

/** A copy of the golden project, which uses every stage type, in a new folder. */
export function everyStage(folder: string = realpathSync(temporaryFolder())): string {
  cpSync(fileURLToPath(new URL('../golden/keys/every-stage', import.meta.url)), folder, { recursive: true })
  mkdirSync(join(folder, 'files'), { recursive: true })
  for (const name of NAMES) writeFileSync(join(folder, 'files', name), `${name}\n`)
  return folder
}
