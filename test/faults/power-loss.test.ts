import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../cache/store.ts'
import { seededRandom } from '../../engine/util/seeded-random.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { DiskModel, readChanges } from './power-loss.ts'
import { answerOf, keyOf, preimageOf, RESULTS, rowKeyOf, smallRun, textOf } from './small-run.ts'

const SOAK = process.env.QUERYLOOM_SOAK === '1'
const HOOK = fileURLToPath(new URL('./fixtures/fs-hook.mjs', import.meta.url))
const RECORDED_RUN = fileURLToPath(new URL('./fixtures/recorded-run.ts', import.meta.url))

/** After a power loss the machine has started anew. */
const AFTERWARDS = { boot: 'the next one' }

test('a power loss at any step of a run loses nothing that was promised, serves nothing wrong, and needs no repair', async () => {
  const [folder, scratch] = [temporaryFolder(), temporaryFolder()]
  const log = join(scratch, 'changes.jsonl')
  execFileSync(process.execPath, ['--import', 'tsx', '--import', HOOK, RECORDED_RUN, folder], {
    env: { ...process.env, FS_ROOT: folder, FS_LOG: log },
  })
  const changes = readChanges(log)
  expect(changes.filter(({ op }) => op === 'sync-ends').length).toBeGreaterThan(50)

  const random = seededRandom(7)
  const disk = new DiskModel()
  const promised = new Set<string>()
  const every = SOAK ? 1 : 2
  const states = SOAK ? 6 : 1
  let looked = 0
  for (const [at, change] of changes.entries()) {
    disk.apply(change)
    if (change.op === 'acknowledged') promised.add(change.what)
    if (at % every !== 0 && at !== changes.length - 1) continue
    for (let state = 0; state < states; state++) {
      const target = join(scratch, 'after')
      disk.materialize(target, random)
      await check(
        join(target, '.queryloom'),
        promised,
        looked % 3 === 0,
        `step ${at} of ${changes.length}, state ${state}`,
      )
      rmSync(target, { recursive: true })
      looked++
    }
  }
  console.log(`${changes.length} changes, ${looked} states of the disk`)
}, 1_800_000)

/** Opens what a power loss left, compares it with what was promised, and goes on with the run. */
async function check(root: string, promised: ReadonlySet<string>, goesOn: boolean, where: string): Promise<void> {
  mkdirSync(root, { recursive: true })
  for (let turn = 0; turn < 2; turn++) {
    const store = await openStore(root, AFTERWARDS)
    const rows = await store.rows.getMany(Array.from({ length: RESULTS }, (_, n) => rowKeyOf(n)))
    for (let n = 0; n < RESULTS; n++) {
      const found = rows.get(rowKeyOf(n))
      if (turn > 0 || promised.has(`row ${n}`)) expect(found, `${where}: row ${n}`).toBeDefined()
      if (found !== undefined) expect(found, `${where}: row ${n}`).toEqual(answerOf(n))
      const [record] = store.actions.find(keyOf(n))
      const file = record?.outputs.out?.files[0]
      const intact = file !== undefined && store.blobs.check(file.blob, file.size) === 'ok'
      if (turn > 0 || promised.has(`result ${n}`)) expect(intact, `${where}: result ${n}`).toBe(true)
      if (file && intact) {
        expect(readFileSync(store.blobs.locate(file.blob), 'utf8'), `${where}: result ${n}`).toBe(textOf(n))
        expect(store.actions.preimage(keyOf(n)), `${where}: preimage ${n}`).toEqual(preimageOf(n))
      }
    }
    await store.close()
    // What is not there is made again; every third state is enough to see it.
    if (turn === 0 && !goesOn) return
    if (turn === 0) await smallRun(root, () => {}, AFTERWARDS)
  }
}
