import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionRecord } from '../../../cache/action-log.ts'
import { artifactDigest, ingest } from '../../../cache/artifact.ts'
import { materialize } from '../../../cache/materialize.ts'
import { pushResults } from '../../../cache/push.ts'
import type { RemoteConfig } from '../../../cache/remote-config.ts'
import { loadSigner, loadTrust, newKey } from '../../../cache/signing.ts'
import { openStore, type Store } from '../../../cache/store.ts'
import { SyncedRemote } from '../../../cache/synced-remote.ts'
import { verifyStore } from '../../../engine/upkeep/verify.ts'
import { seededRandom } from '../../../engine/util/seeded-random.ts'
import { actionKey } from '../../cache/record.ts'

/** Seconds that something took, and those that other programs took for the same. */
export interface Measured {
  what: string
  seconds: number
  against: { readonly [program: string]: number }
}

/** Ingest (durable, with its record), restore, verification and push to a folder of so many files of so many bytes. */
export async function measureFiles(folder: string, what: string, count: number, bytes: number): Promise<Measured[]> {
  const input = join(folder, 'input')
  writeInput(input, count, bytes)
  const dvc = openDvc(folder)
  const cp = time(() => program('sh', ['-c', `cp -r '${input}' '${folder}/copy' && sync '${folder}'`]))
  const sums = time(() => program('sh', ['-c', `find '${input}' -type f -print0 | xargs -0 sha256sum > /dev/null`]))

  const store = await openStore(join(folder, 'store'))
  const stored = await timed(async () => {
    const files = await ingest(input, store.blobs)
    const outputs = { out: { kind: 'files', digest: artifactDigest(files), files } }
    const address = { project: '.', pipeline: 'p.yaml', node: 'n' }
    const facts = { summary: {}, incomplete: 0, run: 'r', engine: '0', startedAt: '2026-01-01T00:00:00Z', seconds: 0 }
    const requests = { sent: 0, cached: 0, failed: 0 }
    const record = { ...address, ...facts, key: actionKey(1), outputs, requests }
    await store.actions.append(record, 1)
    return { files, record }
  })
  const { files, record } = stored.value
  const restored = await timed(() => materialize(files, join(folder, 'view'), store))
  const verified = await timed(() => verifyStore(store))
  if (verified.value.isDamaged || verified.value.blobs.checked !== new Set(files.map(({ blob }) => blob)).size) {
    throw new Error('what was stored is not what was verified')
  }
  const pushed = await timed(() => push(folder, store, record))
  await store.close()
  return [
    { what: `ingest ${what}`, seconds: stored.seconds, against: { cp, sha256sum: sums, ...dvc?.add() } },
    { what: `restore ${what}`, seconds: restored.seconds, against: { cp, ...dvc?.checkout() } },
    { what: `verify ${what}`, seconds: verified.seconds, against: { sha256sum: sums } },
    { what: `push ${what}`, seconds: pushed.seconds, against: { cp, ...dvc?.push() } },
  ]
}

/** Pushes a result to a folder that is a remote, signed. */
async function push(folder: string, store: Store, record: ActionRecord): Promise<void> {
  const place = join(folder, 'remote')
  const config = join(folder, 'config')
  mkdirSync(place)
  mkdirSync(config)
  await newKey('own', config)
  const entry: RemoteConfig = {
    name: 'lab',
    place: { kind: 'folder', path: place },
    write: true,
    unsigned: false,
    timeoutMs: 60_000,
    file: '',
  }
  const told: string[] = []
  const remote = new SyncedRemote(entry, store.root, {
    trust: loadTrust(config),
    tell: (message) => told.push(message),
  })
  await remote.sync()
  const report = await pushResults(
    remote,
    { blobs: store.blobs, rows: new Map() },
    {
      results: [{ record, preimage: 1 }],
      rows: [],
      signer: loadSigner(undefined, config),
      repair: false,
      onProgress: () => {},
    },
  )
  remote.close()
  const blobs = new Set(Object.values(record.outputs).flatMap(({ files }) => files.map(({ blob }) => blob)))
  if (report.blobs.sent !== blobs.size || told.length > 0) throw new Error(`not all was pushed: ${told.join('; ')}`)
}

/** Times something. */
export async function timed<Value>(work: () => Promise<Value>): Promise<{ seconds: number; value: Value }> {
  const began = performance.now()
  const value = await work()
  return { seconds: (performance.now() - began) / 1000, value }
}

function writeInput(folder: string, count: number, bytes: number): void {
  mkdirSync(folder, { recursive: true })
  const random = seededRandom(1)
  const piece = Buffer.alloc(Math.min(bytes, 1 << 20))
  for (let n = 0; n < count; n++) {
    const fd = openSync(join(folder, `${n}`), 'w')
    for (let at = 0; at < bytes; at += piece.length) {
      for (let i = 0; i + 4 <= piece.length; i += 64) piece.writeUInt32LE(random.below(2 ** 31), i)
      writeSync(fd, piece, 0, Math.min(piece.length, bytes - at))
    }
    closeSync(fd)
  }
}

/** DVC on a copy of the input, where it is installed. */
function openDvc(
  folder: string,
): { add(): { dvc?: number }; checkout(): { dvc?: number }; push(): { dvc?: number } } | undefined {
  if (spawnSync('dvc', ['--version']).status !== 0) return undefined
  const at = join(folder, 'dvc')
  mkdirSync(at)
  program('sh', ['-c', `cp -r '${folder}/input' '${at}/input' && cd '${at}' && dvc init --no-scm -q`])
  return {
    add: () => ({ dvc: time(() => program('sh', ['-c', `cd '${at}' && dvc add -q input`])) }),
    checkout: () => {
      program('rm', ['-r', join(at, 'input')])
      const seconds = time(() => program('sh', ['-c', `cd '${at}' && dvc checkout -q`]))
      if (readdirSync(join(at, 'input')).length === 0) throw new Error('dvc restored nothing')
      return { dvc: seconds }
    },
    push: () => {
      program('sh', ['-c', `cd '${at}' && dvc remote add -q -d lab '${folder}/dvc-remote'`])
      return { dvc: time(() => program('sh', ['-c', `cd '${at}' && dvc push -q`])) }
    },
  }
}

function time(work: () => void): number {
  const began = performance.now()
  work()
  return (performance.now() - began) / 1000
}

function program(name: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(name, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${name} ${words.join(' ')} failed: ${stderr}`)
}
