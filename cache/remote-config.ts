import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { S3Place } from './remote-s3.ts'
import { StoreError } from './store-error.ts'

/** One remote as it is configured. */
export interface RemoteConfig {
  name: string
  place: { kind: 'folder'; path: string } | ({ kind: 's3' } & S3Place)
  /** Whether `push` may write to it. */
  write: boolean
  /** Whether results without a signature, or of unknown signers, are used. */
  unsigned: boolean
  /** How long it may be silent, in milliseconds. */
  timeoutMs: number
  /** File that it is written in. */
  file: string
}

/** Files in which remotes are written, the nearer one first: a name there hides the same name further away. */
export function remoteFiles(root: string, store: string, config: string): readonly { path: string; own: boolean }[] {
  return [
    { path: join(store, 'remotes.yaml'), own: true },
    { path: join(root, 'queryloom.yaml'), own: false },
    { path: join(config, 'config.yaml'), own: true },
  ].filter(({ path }) => existsSync(path))
}

/**
 * Reads the remotes that are configured in files. What came with a project can't say that signatures don't matter: that
 * is for whoever works with it. Throws a StoreError that names file and member of what is wrong.
 */
export async function readRemotes(files: readonly { path: string; own: boolean }[]): Promise<readonly RemoteConfig[]> {
  const found = new Map<string, RemoteConfig>()
  for (const { path, own } of files) {
    const { parse } = await import('yaml')
    const document = parseText(parse, path)
    const remotes = isMap(document) ? (document.remotes ?? {}) : document === null ? {} : undefined
    if (!isMap(remotes)) throw wrong(path, 'remotes', 'a map of remotes by their names')
    for (const [name, entry] of Object.entries(remotes)) {
      const config = readRemote(name, entry, path, own)
      if (!found.has(name)) found.set(name, config)
    }
  }
  return [...found.values()]
}

const MEMBERS = ['folder', 's3', 'endpoint', 'region', 'path_style', 'profile', 'write', 'unsigned', 'timeout']
const TIMEOUT_SECONDS = 15

function readRemote(name: string, entry: unknown, file: string, own: boolean): RemoteConfig {
  const at = `remotes.${name}`
  if (!/^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) throw wrong(file, at, 'a name of letters, digits, `.`, `_` and `-`')
  if (!isMap(entry)) throw wrong(file, at, 'a map with `folder` or `s3`')
  const stray = Object.keys(entry).find((member) => !MEMBERS.includes(member))
  if (stray !== undefined) throw wrong(file, `${at}.${stray}`, `left out: a remote has ${MEMBERS.join(', ')}`)
  const { unsigned, timeout = TIMEOUT_SECONDS } = entry
  if (unsigned !== undefined && unsigned !== 'allow') throw wrong(file, `${at}.unsigned`, '`allow`, or left out')
  if (unsigned !== undefined && !own)
    throw wrong(
      file,
      `${at}.unsigned`,
      'in .queryloom/remotes.yaml: who shares a project must not decide it for others',
    )
  if (typeof timeout !== 'number' || !(timeout > 0)) throw wrong(file, `${at}.timeout`, 'a number of seconds above 0')
  return {
    name,
    place: placeOf(entry, at, file),
    write: flag(entry, 'write', at, file),
    unsigned: unsigned === 'allow',
    timeoutMs: timeout * 1000,
    file,
  }
}

function placeOf(entry: Map, at: string, file: string): RemoteConfig['place'] {
  const folder = text(entry, 'folder', at, file)
  const s3 = text(entry, 's3', at, file)
  if ((folder === undefined) === (s3 === undefined)) throw wrong(file, at, 'a map with `folder` or `s3`, and not both')
  if (folder !== undefined) {
    return { kind: 'folder', path: resolve(dirname(file), folder.replace(/^~(?=\/|$)/, homedir())) }
  }
  const [, bucket, prefix = ''] = /^(?:s3:\/\/)?([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/*$/.exec(s3 ?? '') ?? []
  if (bucket === undefined) throw wrong(file, `${at}.s3`, '`s3://BUCKET` or `s3://BUCKET/PREFIX`')
  const endpoint = text(entry, 'endpoint', at, file)
  if (endpoint !== undefined) checkEndpoint(endpoint, at, file)
  const region = text(entry, 'region', at, file)
  const profile = text(entry, 'profile', at, file)
  return {
    kind: 's3',
    bucket,
    prefix,
    pathStyle: flag(entry, 'path_style', at, file),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
  }
}

function checkEndpoint(endpoint: string, at: string, file: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw wrong(file, `${at}.endpoint`, 'an http or https address')
  if (url.username !== '' || url.password !== '' || url.search !== '')
    throw wrong(file, `${at}.endpoint`, 'an address without a password: credentials are read from where AWS tools do')
}

type Map = { readonly [name: string]: unknown }

function isMap(value: unknown): value is Map {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function text(entry: Map, member: string, at: string, file: string): string | undefined {
  const value = entry[member]
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw wrong(file, `${at}.${member}`, 'a text')
}

function flag(entry: Map, member: string, at: string, file: string): boolean {
  const value = entry[member] ?? false
  if (typeof value === 'boolean') return value
  throw wrong(file, `${at}.${member}`, 'true or false')
}

function parseText(parse: (text: string) => unknown, path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new StoreError(`the configuration can't be read: ${(error as Error).message.split('\n', 1)[0]}`, {
      problem: 'bad-file',
      where: path,
      advice: 'mend or remove the file',
    })
  }
}

function wrong(file: string, at: string, wanted: string): StoreError {
  return new StoreError(`\`${at}\` must be ${wanted}`, {
    problem: 'bad-file',
    where: file,
    advice: 'see docs/sharing.md',
  })
}
