import { posix } from 'node:path'
import type { Response } from 'undici'
import { keepSecret } from '../../engine/util/secrets.ts'
import { StageError } from '../define.ts'
import type { Web } from './download.ts'
import { isInside, isLoopback, type ModelSource } from './source.ts'
import type { ExpectedFile } from './source-digest.ts'

type HubSource = Extract<ModelSource, { kind: 'hf' }>

/** A file of a repository, and what it must be. */
export interface HubFile {
  path: string
  size: number
  expected: ExpectedFile
  url: string
}

const HOST = 'https://huggingface.co'

/** The hub's address: `HF_ENDPOINT`, or the public one. */
export function hubAddress(environment: NodeJS.ProcessEnv = process.env): string {
  const written = environment.HF_ENDPOINT?.trim()
  if (written === undefined || written === '') return HOST
  const url = URL.canParse(written) ? new URL(written) : undefined
  if (!url || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))))
    throw new StageError('HF_ENDPOINT is not an https address', { advice: `E.g. HF_ENDPOINT=${HOST}` })
  return written.replace(/\/+$/, '')
}

/** The token for a hub, from the environment; never written anywhere. */
export function hubToken(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const token = (environment.HF_TOKEN ?? environment.HUGGING_FACE_HUB_TOKEN)?.trim()
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) return undefined
  keepSecret(token)
  return token
}

/** Formats that run code when they are read, or that nothing here reads. */
export const UNREAD: RegExp =
  /(^|\/)(\.git[^/]*$|\.cache\/|original\/|openvino\/|coreml\/|flax_model|tf_model)|\.(bin|pt|pth|ckpt|pkl|pickle|npy|npz|h5|msgpack|ot|tflite|mlmodel|py)$/i

/** The files that a source means: one, a folder, or the whole repository; of a GGUF file in parts, all of them. */
export async function filesOfHub(
  web: Web,
  source: HubSource,
  skip: RegExp,
  signal: AbortSignal,
): Promise<{ files: HubFile[]; isFile: boolean }> {
  const all = await listHub(web, 'models', source, signal)
  const { path } = source
  if (path === undefined) return { files: all.filter((file) => !skip.test(file.path)), isFile: false }
  const one = all.find((file) => file.path === path)
  if (one) {
    const parts = /^(.*)-\d{5}-of-(\d{5})\.gguf$/.exec(path)
    const isPart = (other: string): boolean =>
      parts !== null && other.startsWith(`${parts[1]}-`) && other.endsWith(`-of-${parts[2]}.gguf`)
    return { files: all.filter((file) => file === one || isPart(file.path)), isFile: true }
  }
  const below = all.filter((file) => file.path.startsWith(`${path}/`) && !skip.test(file.path))
  if (below.length > 0) return { files: below, isFile: false }
  const near = all.filter((file) => posix.extname(file.path) === posix.extname(path)).map((file) => file.path)
  throw new StageError(`hf:${source.repo} has no \`${path}\` at commit ${source.revision}`, {
    advice: near.length > 0 ? `It has ${near.slice(0, 8).join(', ')}.` : 'Look at its list of files.',
  })
}

/** All files of a repository at a commit. */
export async function listHub(
  web: Web,
  kind: 'models' | 'datasets',
  source: Pick<HubSource, 'repo' | 'revision'>,
  signal: AbortSignal,
): Promise<HubFile[]> {
  const { repo, revision } = source
  const hub = hubAddress()
  // Models stand at the root of a hub.
  const root = kind === 'models' ? hub : `${hub}/${kind}`
  const files: HubFile[] = []
  let next: string | undefined = `${hub}/api/${kind}/${repo}/tree/${revision}?recursive=true`
  while (next !== undefined) {
    const response: Response = await web.get(next, { accept: 'application/json' }, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      throw unreachableHub(hub, (error as Error).cause ?? error)
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw noList(source, hub, response.status)
    }
    for (const entry of (await response.json()) as unknown[]) {
      const file = fileOf(entry)
      if (file) files.push({ ...file, url: `${root}/${repo}/resolve/${revision}/${encoded(file.path)}` })
    }
    const link: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
    // The token goes with every page: only to the hub itself.
    next = link === undefined ? undefined : hub + new URL(link, hub).href.slice(new URL(link, hub).origin.length)
  }
  return files
}

function fileOf(entry: unknown): Omit<HubFile, 'url'> | undefined {
  const { type, path, size, oid, lfs } = (entry ?? {}) as { [name: string]: unknown }
  if (type !== 'file' || typeof path !== 'string' || typeof size !== 'number') return undefined
  if (!isInside(path)) throw new StageError(`the hub lists a file outside of its repository: ${JSON.stringify(path)}`)
  const large = (lfs as { oid?: unknown } | undefined)?.oid
  if (typeof large === 'string' && /^[0-9a-f]{64}$/.test(large)) return { path, size, expected: { sha256: large } }
  if (typeof oid === 'string' && /^[0-9a-f]{40}$/.test(oid)) return { path, size, expected: { git: oid } }
  throw new StageError(`the hub does not say what ${path} must be`, { advice: 'Download it, and write its path.' })
}

function noList(source: Pick<HubSource, 'repo' | 'revision'>, hub: string, status: number): StageError {
  const what = `hf:${source.repo} at commit ${source.revision}`
  if (status === 401 || status === 403)
    return new StageError(`${what} is not open to this user (HTTP ${status})`, {
      advice: 'Accept its terms where it is published, and set HF_TOKEN to a token that may read it.',
    })
  if (status === 404)
    return new StageError(`${hub} has no ${what}`, {
      advice: 'Check the name and the commit; HF_TOKEN if it is private.',
    })
  return new StageError(`${hub} does not list ${what}: HTTP ${status}`, { transient: true })
}

function unreachableHub(hub: string, cause: unknown): StageError {
  return new StageError(`the hub ${hub} can't be reached: ${cause instanceof Error ? cause.message : String(cause)}`, {
    advice: 'Check the network; HF_ENDPOINT names another hub or a mirror. Or write the path of a copy as `source`.',
    transient: true,
  })
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
