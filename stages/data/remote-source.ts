import path from 'node:path'
import { hideCredentials } from '../../engine/util/hide-credentials.ts'
import type { DatasetPlace, Json, Problem, Reading } from '../define.ts'
import { isInside, isLoopback } from '../models/source.ts'
import type { PartName } from './layout.ts'

/** Something that is fetched, or checked against a digest, before it is used. */
export interface RemoteSource {
  /** An address, `hf:OWNER/NAME`, or the path of a file that has a digest. */
  from: string
  /** Name of the file, by which its form is known. */
  name: string
  isHub: boolean
  /** Of a hub: a file of the repository. */
  path?: string
  pin: { readonly [name: string]: Json }
}

/**
 * What a place means that is not simply a path: an https address, a repository of a hub at a commit, or a file whose
 * digest is given. Undefined for paths.
 */
export function parseRemote(
  source: string,
  folder: string,
  digest: string | undefined,
): RemoteSource | Problem | undefined {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(source)?.[1]?.toLowerCase()
  switch (scheme) {
    case undefined: {
      if (digest === undefined) return undefined
      const from = path.resolve(folder, source)
      return { from, name: path.basename(from), isHub: false, pin: pinOf(digest) }
    }
    case 'hf':
      return parseHub(source)
    case 'https':
    case 'http':
      return parseAddress(source, digest)
    default:
      return {
        message: `unknown kind of source \`${scheme}:\``,
        advice: 'Write a path, beir:NAME, hf:OWNER/NAME@COMMIT, or https://…',
      }
  }
}

/** The place of a part of a remote source. */
export function remotePlace(remote: RemoteSource, reading: Reading | undefined, part?: PartName): DatasetPlace {
  const pin = part === undefined ? remote.pin : { ...remote.pin, part }
  return { remote: { from: remote.from, pin }, ...(reading === undefined ? {} : { reading }) }
}

function parseHub(source: string): RemoteSource | Problem {
  const match = /^hf:([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([^#]+))?(?:#(.+))?$/.exec(source)
  const [, repo = '', revision = '', file] = match ?? []
  if (!match || (file !== undefined && !isInside(file)))
    return {
      message: `\`${source}\` does not name a dataset of a hub`,
      advice: 'E.g. hf:owner/name@COMMIT for all of it, hf:owner/name@COMMIT#corpus.jsonl for one file.',
    }
  if (!/^[0-9a-f]{40}$/.test(revision))
    return {
      message: `\`${source}\` is not pinned to a commit of 40 hexadecimal digits`,
      advice: 'A branch moves, a commit does not: the list of commits of the dataset shows it.',
    }
  const pin = { hub: repo, commit: revision, ...(file === undefined ? {} : { path: file }) }
  return { from: `hf:${repo}`, name: file ?? repo, isHub: true, ...(file === undefined ? {} : { path: file }), pin }
}

function parseAddress(source: string, digest: string | undefined): RemoteSource | Problem {
  const shown = hideCredentials(source)
  const url = URL.canParse(source) ? new URL(source) : undefined
  if (!url) return { message: `\`${shown}\` is not an address` }
  if (url.username !== '' || url.password !== '')
    return { message: 'a pipeline must not hold a password', advice: 'Download the file, and write its path.' }
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return { message: `\`${shown}\` is not encrypted`, advice: 'Write https://…' }
  if (digest === undefined)
    return {
      message: `\`${shown}\` has no \`digest\``,
      advice:
        'What an address leads to can change; `sha256sum FILE` prints what the file is known by: `digest: sha256:…`.',
    }
  return { from: url.href, name: path.posix.basename(url.pathname), isHub: false, pin: pinOf(digest) }
}

function pinOf(digest: string): { [name: string]: Json } {
  const [algorithm = '', hex = ''] = digest.toLowerCase().split(':')
  return { [algorithm]: hex }
}
