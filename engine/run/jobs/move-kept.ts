import { chmodSync, constants, copyFileSync, lstatSync, mkdirSync, renameSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ArtifactFile, KeptFile } from '../../../stages/define.ts'

/** Moves what a stage kept into the folder of its output; copies what a link points to, and what has a second name. */
export function moveKept(files: readonly KeptFile[], folder: string): void {
  for (const { path, location, executable } of files) {
    const target = join(folder, path)
    mkdirSync(dirname(target), { recursive: true })
    const found = lstatSync(location)
    if (found.isFile() && found.nlink === 1) renameSync(location, target)
    else {
      copyFileSync(location, target)
      chmodSync(target, executable ? 0o755 : 0o644)
    }
  }
}

/** Copies a file that a stage passes on into the folder of its output. */
export async function copyPassedOn({ path, location, executable }: ArtifactFile, folder: string): Promise<void> {
  const target = join(folder, path)
  mkdirSync(dirname(target), { recursive: true })
  await copyFile(location, target, constants.COPYFILE_FICLONE)
  chmodSync(target, executable ? 0o755 : 0o644)
}
