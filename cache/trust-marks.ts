import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { configFolder } from './config-folder.ts'
import { hexOf, isSha256, type Sha256 } from './digest.ts'
import { writeFileAtomic } from './durable.ts'
import { asStoreError } from './store-error.ts'

/** Stands in a folder that was imported, so that copies of the folder are known for what they are too. */
export const IMPORT_MARKER = '.queryloom-imported'

/** What is remembered of strangers' pipelines and of one's decisions about them, outside of every project. */
export interface TrustMarks {
  /** The bundle that a file came from: its folder is marked, or it has the bytes of a file that was imported. */
  bundleOf(file: string, digest: Sha256<string>): string | undefined
  /** Remembers files, by their bytes, as those of a bundle. */
  imported(bundle: string, files: readonly Sha256<string>[]): Promise<void>
  /** Remembers files as one's own, whatever bundle holds them too. */
  own(files: readonly Sha256<string>[]): Promise<void>
  isShown(exposure: Sha256<string>): boolean
  shown(exposure: Sha256<string>): Promise<void>
  isTrusted(exposure: Sha256<string>): boolean
  trust(exposure: Sha256<string>): Promise<void>
  /** Takes back the trust; it must be shown again. */
  distrust(exposure: Sha256<string>): void
}

/** The marks below the configuration folder: one small file each, so that nothing is ever rewritten. */
export function openTrustMarks(config: string = configFolder()): TrustMarks {
  const path = (kind: string, digest: Sha256<string>): string => join(config, 'pipelines', kind, hexOf(digest))
  const note = async (kind: string, digest: Sha256<string>, text: string): Promise<void> => {
    const file = path(kind, digest)
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      await writeFileAtomic(file, text)
    } catch (error) {
      throw asStoreError(error, 'what is trusted', config)
    }
  }
  return {
    bundleOf: (file, digest) => {
      const marked = markerAbove(dirname(file)) ?? markerAbove(dirname(realpathSync(file)))
      if (marked !== undefined) return marked
      const known = path('imported', digest)
      return existsSync(known) && !existsSync(path('own', digest)) ? readBundle(known) : undefined
    },
    imported: async (bundle, files) => {
      for (const digest of files) await note('imported', digest, `${bundle}\n`)
    },
    own: async (files) => {
      for (const digest of files) await note('own', digest, '')
    },
    isShown: (digest) => existsSync(path('shown', digest)),
    shown: (digest) => note('shown', digest, ''),
    isTrusted: (digest) => existsSync(path('trusted', digest)),
    trust: (digest) => note('trusted', digest, ''),
    distrust: (digest) => {
      for (const kind of ['trusted', 'shown']) rmSync(path(kind, digest), { force: true })
    },
  }
}

function markerAbove(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const marker = join(at, IMPORT_MARKER)
    if (existsSync(marker)) return readBundle(marker)
    if (at === dirname(at)) return undefined
  }
}

// What can't be read still marks: an empty or damaged file must not be a way around it.
function readBundle(path: string): string {
  try {
    const [line = ''] = readFileSync(path, 'utf8').split('\n', 1)
    return isSha256(line) ? line : 'an unknown bundle'
  } catch {
    return 'an unknown bundle'
  }
}
