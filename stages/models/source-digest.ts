import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StageError } from '../define.ts'
import { HOW_TO_DIGEST } from './source.ts'

/** What a file must be: in one of the two ways that hubs tell it, or as older collections are published. */
export type ExpectedFile = { sha256: string } | { git: string } | { md5: string }

/** Hexadecimal sha256 of a file, or of a folder as `sha256sum` of its files and of that list gives it. */
async function digestOf(path: string): Promise<string> {
  const found = await stat(path)
  if (!found.isDirectory()) return hashFile(path, 'sha256')
  const files: string[] = []
  const walk = async (folder: string, below: string): Promise<void> => {
    for (const entry of await readdir(folder)) {
      const place = join(folder, entry)
      // Links are followed: caches of hubs are folders of links.
      if ((await stat(place)).isDirectory()) await walk(place, `${below}${entry}/`)
      else files.push(below + entry)
    }
  }
  await walk(path, '')
  files.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const list = createHash('sha256')
  for (const file of files) list.update(`${await hashFile(join(path, file), 'sha256')}  ${file}\n`)
  return list.digest('hex')
}

/** Whether a file has the digest that it should have. */
export async function isExpected(path: string, expected: ExpectedFile): Promise<boolean> {
  if ('sha256' in expected) return (await hashFile(path, 'sha256')) === expected.sha256
  if ('md5' in expected) return (await hashFile(path, 'md5')) === expected.md5
  const { size } = await stat(path)
  return (await hashFile(path, 'sha1', `blob ${size}\0`)) === expected.git
}

/** A StageError unless the file or folder is there and has the digest. */
export async function verify(path: string, wanted: string | undefined, shown: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) === undefined)
    throw new StageError(`there is no model ${shown}`, { advice: 'Check `source` of the model.' })
  if (wanted === undefined) return
  const actual = await digestOf(path)
  if (actual !== bareDigest(wanted))
    throw new StageError(
      `${shown} has another digest than the pipeline says: sha256 ${actual}, not ${bareDigest(wanted)}`,
      {
        advice: `It is damaged or not the one that was meant, and was not used. Correct \`sha256\` only if you trust it; ${HOW_TO_DIGEST}`,
      },
    )
}

/** The 64 digits of a digest as people write it. */
export function bareDigest(sha256: string): string {
  return sha256.replace(/^sha256:/, '').toLowerCase()
}

async function hashFile(path: string, algorithm: 'sha256' | 'sha1' | 'md5', before = ''): Promise<string> {
  const running = createHash(algorithm).update(before)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
    running.update(chunk)
  return running.digest('hex')
}
