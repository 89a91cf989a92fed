import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The digest of a folder as `sha256sum` of its files, and of that list, gives it. */
export function folderDigest(folder: string): string {
  const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return sha256(files.map((path) => `${sha256(readFileSync(join(folder, path)))}  ${path}\n`).join(''))
}
