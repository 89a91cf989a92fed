import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ActionRecord } from '../../../cache/action-log.ts'
import { openStore, type Store } from '../../../cache/store.ts'
import { type ActionTurn, actionTurn } from '../../../engine/run/action-turn.ts'
import { actionKey, record } from '../../cache/record.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const PREIMAGE = { stage: 'made up' }
const KEY = actionKey(PREIMAGE)

/** Two runs that share a store. */
async function twoRuns(): Promise<[Store, Store]> {
  const root = join(temporaryFolder(), 'store')
  const stores: [Store, Store] = [await openStore(root), await openStore(root)]
  onTestFinished(async () => {
    for (const store of stores) await store.close()
  })
  return stores
}

function turnOf(store: Store, run: string, onWait: (note: string) => void = () => {}): Promise<ActionTurn> {
  const stored = (): ActionRecord | undefined => store.actions.find(KEY)[0]
  return actionTurn(store, run, KEY, { stored, onWait, signal: new AbortController().signal })
}

/** A promise that is settled from outside. */
function later(): { promise: Promise<void>; resolve(): void; reject(error: unknown): void } {
  let resolve = (): void => {}
  let reject = (_: unknown): void => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** The first run is at the action; the second waits, and has said so. */
async function waiting(): Promise<{ first: ActionTurn; second: Promise<ActionTurn>; one: Store; notes: string[] }> {
  const [one, two] = await twoRuns()
  const first = await turnOf(one, 'run-1')
  const notes: string[] = []
  const second = turnOf(two, 'run-2', (note) => notes.push(note))
  return { first, second, one, notes }
}

test('who waits says for whom, and finds the result when it is on the disk', async () => {
  const { first, second, one, notes } = await waiting()
  const commit = later()
  const result = record(PREIMAGE)
  let isOver = false
  void second.then(() => (isOver = true))
  await first.use?.(async () => ({ durable: commit.promise.then(() => one.actions.append(result, PREIMAGE)) }))
  expect(notes).toEqual([expect.stringMatching(new RegExp(`^waiting for run run-1 \\(pid ${process.pid} on .+\\)$`))])
  expect(isOver).toBe(false)
  expect(one.claims.take(KEY.slice(KEY.indexOf(':') + 1))).toMatchObject({ isSelf: true })
  commit.resolve()
  expect(await second).toEqual({ record: result })
})

test.each<[string, (first: ActionTurn) => Promise<unknown> | undefined]>([
  ['execution fails', (first) => first.use?.(() => Promise.reject(new Error('exit status 1')))],
  [
    'record can not be written',
    (first) => {
      const commit = later()
      const used = first.use?.(async () => ({ durable: commit.promise }))
      commit.reject(new Error('disk full'))
      return used?.then(({ durable }) => durable)
    },
  ],
])('whose turn it is next executes when the %s', async (_, fail) => {
  const { first, second } = await waiting()
  await expect(fail(first)).rejects.toThrow()
  const turn = await second
  expect(turn.record).toBeUndefined()
  await turn.use?.(async () => ({ durable: Promise.resolve() }))
})

test('what another run recorded since the plan was made is used, without a wait', async () => {
  const [one, two] = await twoRuns()
  expect(two.actions.find(KEY)).toEqual([])
  const result = record(PREIMAGE)
  await (await turnOf(one, 'run-1')).use?.(async () => ({ durable: one.actions.append(result, PREIMAGE) }))
  await one.actions.flush()
  expect(await turnOf(two, 'run-2')).toEqual({ record: result })
  expect((await turnOf(two, 'run-2')).record).toEqual(result)
})
