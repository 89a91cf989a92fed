import { existsSync } from 'node:fs'
import path from 'node:path'

/** The folder that `.queryloom/` belongs to: the nearest from here upwards with `.queryloom/` or `.git`, else this one. */
export function projectRoot(folder: string): string {
  for (let at = folder; ; at = path.dirname(at)) {
    if (existsSync(path.join(at, '.queryloom')) || existsSync(path.join(at, '.git'))) return at
    if (at === path.dirname(at)) return folder
  }
}
