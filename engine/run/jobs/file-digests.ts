import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { sha256Stream } from '../../../cache/digest.ts'
import { walk } from '../../../cache/walk.ts'

/** sha256 of every file below a folder, by path: what whoever reads them elsewhere must find. */
export async function fileDigests(folder: string): Promise<{ [path: string]: string }> {
  const digests: { [path: string]: string } = {}
  for (const { path, location } of walk(folder, ({ path, location }) => ({ path, location }))) {
    digests[path] = await digestOf(location)
  }
  return digests
}

/** sha256 of a file, read in pieces. */
export async function digestOf(location: string): Promise<string> {
  const running = sha256Stream()
  await pipeline(createReadStream(location, { highWaterMark: 1 << 20 }), async (chunks) => {
    for await (const chunk of chunks) running.update(chunk as Buffer)
  })
  return running.digest()
}
