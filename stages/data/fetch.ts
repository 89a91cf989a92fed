import { constants } from 'node:fs'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { forEachOf } from '../../cache/for-each-of.ts'
import { byteText } from '../../engine/util/byte-size.ts'
import { hideCredentials } from '../../engine/util/hide-credentials.ts'
import { type RemotePart, StageError, type ToolsCache } from '../define.ts'
import { download, openWeb } from '../models/download.ts'
import { hubToken, listHub } from '../models/hub.ts'
import { type ExpectedFile, isExpected } from '../models/source-digest.ts'
import { unreadable } from './bytes.ts'
import { DATASETS, fetchedKey } from './fetched.ts'
import { filesOfPart, type PartName } from './layout.ts'

interface Services {
  tools: ToolsCache
  signal: AbortSignal
  tell(note: string): void
}

const AT_ONCE = 4
const TELL_MS = 1000

/**
 * Brings a part of a dataset into the tools cache, once: from an address, a hub, or a file with a digest. Nothing whose
 * digest is another one is kept; a download that broke is gone on with.
 */
export async function fetchPart(part: RemotePart, services: Services): Promise<void> {
  await services.tools.getOrBuild(DATASETS, fetchedKey(part), async (folder, kept) => {
    const { from, pin } = part
    if (typeof pin.hub === 'string') await fromHub(part, folder, kept, services)
    else if (/^https?:/.test(from)) await fromAddress(part, folder, kept, services)
    else await fromFile(part, folder)
  })
}

async function fromFile({ from, pin }: RemotePart, folder: string): Promise<void> {
  const to = path.join(folder, path.basename(from))
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  } catch (error) {
    throw unreadable(error, from)
  }
  if (!(await isExpected(to, pin as ExpectedFile)))
    throw new StageError(`the file has another digest than the pipeline says (${pinText(pin)})`, {
      where: from,
      advice: 'It is damaged or not the one that was meant, and was not used. Correct `digest` only if you trust it.',
    })
}

async function fromAddress(part: RemotePart, folder: string, kept: string, services: Services): Promise<void> {
  const { from, pin } = part
  const name = path.posix.basename(new URL(from).pathname)
  const web = openWeb()
  const tell = teller(hideCredentials(from), services)
  try {
    await download(web, {
      url: from,
      to: path.join(kept, name),
      expected: pin as ExpectedFile,
      signal: services.signal,
      onBytes: tell,
    })
  } finally {
    await web.close()
  }
  await move(path.join(kept, name), path.join(folder, name))
}

async function fromHub({ pin }: RemotePart, folder: string, kept: string, services: Services): Promise<void> {
  const { hub: repo, commit: revision, path: wanted, part } = pin as { [name: string]: string }
  const source = { repo: repo as string, revision: revision as string }
  const web = openWeb(hubToken())
  try {
    const all = await listHub(web, 'datasets', source, services.signal)
    const names = all.map((file) => file.path)
    const chosen = wanted === undefined ? filesOfPart(names, part as PartName) : names.filter((name) => name === wanted)
    if (chosen.length === 0)
      throw new StageError(`hf:${repo} has no ${wanted ?? part} at commit ${revision}`, {
        advice: `It has ${names.slice(0, 12).join(', ')}. Name files one by one: \`corpus: hf:${repo}@${revision}#PATH\`.`,
      })
    const tell = teller(`hf:${repo}`, services)
    const files = all.filter((file) => chosen.includes(file.path))
    const total = files.reduce((sum, { size }) => sum + size, 0)
    const done = new Map<string, number>()
    await forEachOf(AT_ONCE, files, async ({ path: name, url, expected }) => {
      const onBytes = (bytes: number): void => {
        done.set(name, bytes)
        tell(
          [...done.values()].reduce((sum, one) => sum + one, 0),
          total,
        )
      }
      await download(web, { url, to: path.join(kept, name), expected, signal: services.signal, onBytes })
    })
    for (const name of chosen) await move(path.join(kept, name), path.join(folder, name))
  } finally {
    await web.close()
  }
}

async function move(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true })
  await rename(from, to).catch(async () => {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    await rm(from)
  })
}

function pinText(pin: RemotePart['pin']): string {
  return Object.entries(pin)
    .map(([name, value]) => `${name}:${value}`)
    .join(', ')
}

function teller(what: string, { tell }: Services): (done: number, total: number | undefined) => void {
  let last = Number.NEGATIVE_INFINITY
  return (done, total) => {
    if (performance.now() - last < TELL_MS) return
    last = performance.now()
    tell(`downloading ${what}: ${byteText(done)}${total === undefined ? '' : ` of ${byteText(total)}`}`)
  }
}
