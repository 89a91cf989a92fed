import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of the installed package: Python helpers, locks, pipelines and `dist/` lie below it. */
export const packageRoot: string = findPackageRoot()

// Sources lie at the root, compiled code in `dist/`: both find the same folder.
function findPackageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}
