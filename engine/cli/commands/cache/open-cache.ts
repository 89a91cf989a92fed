import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { NodeAddress } from '../../../../cache/action-log.ts'
import { openStore, type Store } from '../../../../cache/store.ts'
import { projectRoot } from '../../../parse/project-root.ts'
import type { CacheOptions } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'

/** A store that a command of the cache looks at. */
export interface OpenCache {
  store: Store
  /** Whether a result was made for the pipeline file that was named, else for any of the project that this folder is in. */
  isOurs(address: NodeAddress): boolean
}

/**
 * Opens the store of a pipeline file's project, or of the current folder's, for a command, and closes it again. Where
 * there is none, that is told, and none is made.
 */
export async function withCache(
  name: string | undefined,
  options: CacheOptions,
  command: (cache: OpenCache) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const file = name === undefined ? undefined : resolve(name)
  if (file !== undefined && !existsSync(file)) return told(`${name} is not there`)
  const project = projectRoot(file === undefined ? process.cwd() : dirname(file))
  const root = options.home === undefined ? join(project, '.queryloom') : resolve(options.home)
  if (!['store.json', 'actions.log', 'blobs', 'rows'].some((part) => existsSync(join(root, part)))) {
    return told(`there is no store at ${root}: run a pipeline first, or name one with --home`)
  }
  const store = await openStore(root)
  const inside = relative(dirname(root), project)
  const ours = inside.startsWith('..') || isAbsolute(inside) ? project : inside || '.'
  const pipeline = file === undefined ? undefined : relative(project, file)
  try {
    return await command({
      store,
      isOurs: (address) => address.project === ours && (pipeline === undefined || address.pipeline === pipeline),
    })
  } finally {
    await store.close()
  }
}

/** Tells people why a command can't do what it was called for. */
export function told(message: string): ExitStatus {
  process.stderr.write(`${message}\n`)
  return ExitStatus.invalid
}
