import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import type { StageInput } from '../../../stages/define.ts'
import { sourceFile } from '../../rig/stage.ts'

/** A folder as an input, as the engine would bind its path. */
export function pathInput(folder: string): StageInput {
  const files = (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => statSync(path.join(folder, name)).isFile())
    .sort()
    .map((name) => ({ ...sourceFile(path.join(folder, name)), path: name, executable: false }))
  return { type: 'path', path: folder, files, folder: true }
}
