import { mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { NodeAddress } from '../../cache/action-log.ts'
import { type BlobFile, listBlobs } from '../../cache/blob-sweep.ts'
import { type BlobId, hexOf } from '../../cache/digest.ts'
import { freshNonce, writeFileAtomic } from '../../cache/durable.ts'
import { checkEmbeddings, embeddingFolders } from '../../cache/embedding-check.ts'
import { checkLog, type DamagedStretch, type FileCheck } from '../../cache/log-check.ts'
import { checkSegment } from '../../cache/segment-check.ts'
import type { Store } from '../../cache/store.ts'
import { isMissing } from '../../cache/store-error.ts'
import { hashFiles } from './hash-threads.ts'
import { entriesOf } from './tree-bytes.ts'

/** What a look at every stored byte found. */
export interface Verification {
  blobs: {
    checked: number
    bytes: number
    damaged: readonly BlobId[]
    unreadable: readonly { path: string; why: string }[]
  }
  /** Append-only files that are damaged somewhere, by their path below the store. */
  logs: readonly CheckedFile[]
  lines: number
  rows: number
  embeddings: number
  /** Nodes whose newest result lacks bytes: the next run makes them again. */
  stale: readonly (NodeAddress & { output: string; file: string; problem: 'missing' | 'damaged' })[]
  /** Something is damaged that no earlier verification told of. */
  isDamaged: boolean
}

/** One append-only file that is not as it was written. */
interface CheckedFile {
  path: string
  /** Stretches that no earlier verification told of. */
  damaged: readonly DamagedStretch[]
  /** What is damaged, and was told of before: such files are never rewritten. */
  knownBefore: number
  torn: number
}

const KNOWN = 'known-damage.json'

/**
 * Reads every blob, every line, every row and every embedding anew, whatever is remembered of them. Damaged blobs are moved to
 * quarantine, so that what needs them is made again; a damaged line or row counts as missing anyway, and is told of
 * once, because a file that is only appended to keeps it. May run beside engines.
 */
export async function verifyStore(
  { root, actions }: Pick<Store, 'root' | 'actions'>,
  onProgress: (bytes: number, total: number) => void = () => {},
): Promise<Verification> {
  const files = [...listBlobs(root)]
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const damaged: BlobId[] = []
  const unreadable: { path: string; why: string }[] = []
  let checked = 0
  let bytes = 0
  await hashFiles(files, (file, hashed) => {
    bytes += file.size
    onProgress(bytes, total)
    if ('missing' in hashed) return
    checked++
    if ('refused' in hashed) unreadable.push({ path: file.path, why: hashed.refused })
    else if (hashed.digest !== file.id && moveAside(root, file)) damaged.push(file.id)
  })
  const { logs, ...read } = await checkFiles(root)
  actions.refresh()
  return {
    blobs: { checked, bytes, damaged: damaged.sort(), unreadable },
    logs,
    ...read,
    stale: staleNodes(root, actions, new Set(damaged)),
    isDamaged: damaged.length + unreadable.length > 0 || logs.some((log) => log.damaged.length > 0),
  }
}

// Another process may have put a good one in its place since it was read.
function moveAside(root: string, { path, id }: BlobFile): boolean {
  const aside = join(root, 'quarantine', `${hexOf(id)}-${freshNonce()}`)
  try {
    const { ino } = statSync(path, { bigint: true })
    mkdirSync(join(root, 'quarantine'), { recursive: true })
    renameSync(path, aside)
    if (statSync(aside, { bigint: true }).ino === ino) return true
    renameSync(aside, path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  return false
}

async function checkFiles(
  root: string,
): Promise<Pick<Verification, 'lines' | 'rows' | 'embeddings'> & { logs: CheckedFile[] }> {
  const known = readKnown(root)
  const now: { [path: string]: readonly DamagedStretch[] } = {}
  const logs: CheckedFile[] = []
  const take = (path: string, { good, damaged, torn }: FileCheck): number => {
    const isNew = ({ offset, bytes }: DamagedStretch): boolean =>
      !known[path]?.some((told) => told.offset === offset && told.bytes === bytes)
    const fresh = damaged.filter(isNew)
    if (damaged.length > 0) now[path] = damaged
    if (damaged.length > 0 || torn > 0) {
      logs.push({ path, damaged: fresh, knownBefore: damaged.length - fresh.length, torn })
    }
    return good
  }
  let lines = 0
  for (const name of ['actions.log', 'preimages.log', 'labels/labels.log'])
    lines += take(name, checkLog(join(root, name)))
  let rows = 0
  const folder = join(root, 'rows', 'llm')
  for (const name of entriesOf(folder).flatMap((entry) => (entry.name.endsWith('.seg') ? [entry.name] : []))) {
    rows += take(`rows/llm/${basename(name)}`, checkSegment(join(folder, name)))
  }
  let embeddings = 0
  for (const { path, name, dimensions, segments } of embeddingFolders(join(root, 'embeddings')))
    for (const segment of dimensions === undefined ? [] : segments)
      embeddings += take(`embeddings/${name}/${segment}`, checkEmbeddings(join(path, segment), dimensions ?? 0))
  if (JSON.stringify(now) !== JSON.stringify(known)) await writeFileAtomic(join(root, KNOWN), JSON.stringify(now))
  return { logs, lines, rows, embeddings }
}

function readKnown(root: string): { [path: string]: readonly DamagedStretch[] } {
  try {
    const known = JSON.parse(readFileSync(join(root, KNOWN), 'utf8')) as unknown
    const isMap = typeof known === 'object' && known !== null && Object.values(known).every(Array.isArray)
    return isMap ? (known as { [path: string]: readonly DamagedStretch[] }) : {}
  } catch {
    return {}
  }
}

function staleNodes(root: string, actions: Store['actions'], damaged: ReadonlySet<BlobId>): Verification['stale'] {
  const sizes = new Map([...listBlobs(root)].map(({ id, size }) => [id, size]))
  const stale: Verification['stale'][number][] = []
  for (const { record, forgottenAt, heads } of actions.results()) {
    if (forgottenAt !== undefined || heads.length === 0) continue
    for (const [output, { files }] of Object.entries(record.outputs)) {
      const bad = files.find(({ blob, size }) => sizes.get(blob) !== size)
      if (!bad) continue
      const problem = damaged.has(bad.blob) ? 'damaged' : 'missing'
      stale.push(...heads.map((address) => ({ ...address, output, file: bad.path, problem }) as const))
    }
  }
  return stale
}
