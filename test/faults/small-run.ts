import { artifactDigest } from '../../cache/artifact.ts'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { type ActionKey, type RowKey, sha256 } from '../../cache/digest.ts'
import { openStore, type Store, type StoreOptions } from '../../cache/store.ts'

/** How many results and rows the small run makes. */
export const RESULTS = 16

/** What decides result number n, and its key. */
export const preimageOf = (n: number): CanonicalValue => ({ stage: 'made-up', n, filler: 'x'.repeat((n * 53) % 400) })
export const keyOf = (n: number): ActionKey => sha256(canonicalBytes('action', preimageOf(n)))
/** The one output file of result number n. */
export const textOf = (n: number): string => `output ${n} `.repeat(1 + ((n * 37) % 50))
/** Row number n. */
export const answerOf = (n: number): CanonicalValue => ({ n, text: 'answer '.repeat((n * 31) % 60) })
export const rowKeyOf = (n: number): RowKey => sha256(`row ${n}`)

/**
 * Uses a store as an engine does, in two sittings and two of everything at a time; what is there already is not made
 * again. `promised` is told what can't be lost any more.
 */
export async function smallRun(
  root: string,
  promised: (what: string) => void = () => {},
  options: StoreOptions = {},
): Promise<void> {
  for (let start = 0; start < RESULTS; start += RESULTS / 2) {
    const store = await openStore(root, options)
    for (let n = start; n < start + RESULTS / 2; n += 2) {
      await Promise.all([n, n + 1].map((at) => store.rows.getOrRun(rowKeyOf(at), async () => answerOf(at))))
      await store.rows.flush()
      for (const at of [n, n + 1]) promised(`row ${at}`)
      await Promise.all([n, n + 1].map((at) => makeResult(store, at).then(() => promised(`result ${at}`))))
    }
    await store.close()
  }
}

async function makeResult(store: Store, n: number): Promise<void> {
  const key = keyOf(n)
  const known = store.actions.find(key)[0]?.outputs.out?.files[0]
  if (known && store.blobs.check(known.blob, known.size) === 'ok') return
  const { id, size } = await store.blobs.put(Buffer.from(textOf(n)))
  // At the worst of times: the blob is known, and not yet on the disk.
  store.memo.save()
  const files = [{ path: 'out.txt', size, executable: false, blob: id }]
  const record = {
    project: '.',
    pipeline: 'p.yaml',
    node: `n${n}`,
    key,
    outputs: { out: { kind: 'file', digest: artifactDigest(files), files } },
    summary: { counts: { n } },
    incomplete: 0,
    run: 'r',
    engine: '0',
    startedAt: '2026-01-01T00:00:00Z',
    seconds: 0,
    requests: { sent: 0, cached: 0, failed: 0 },
  }
  await store.actions.append(record, preimageOf(n))
}
