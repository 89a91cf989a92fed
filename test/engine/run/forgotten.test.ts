import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../../cache/store.ts'
import type { RunEvent } from '../../../engine/run/events.ts'
import { surveyMachine } from '../../../engine/run/machine.ts'
import { runPlan } from '../../../engine/run/run.ts'
import { makePlan, openSession } from '../../../engine/session.ts'
import { collect } from '../../../engine/upkeep/collect.ts'
import { registry } from '../../../stages/registry.ts'
import { writeFiles } from '../../rig/stage.ts'

const PIPELINE = `version: 1
name: demo
stages:
  one: { uses: command, with: { run: "cat in > out.txt", inputs: { in: words.txt }, outputs: { out: out.txt } } }
  two: { uses: command, with: { run: "cat in in > out.txt", inputs: { in: "\${stages.one.out}" }, outputs: { out: out.txt } } }
  three: { uses: command, with: { run: "wc -l < in > out.txt", inputs: { in: "\${stages.two.out}" }, outputs: { out: out.txt } } }
`

async function run(folder: string, between: () => Promise<void> = async () => {}): Promise<RunEvent[]> {
  const { session } = await openSession({ file: join(folder, 'p.yaml'), registry, cwd: folder })
  if (!session) throw new Error('the pipeline is broken')
  const plan = await makePlan(session)
  await between()
  const events: RunEvent[] = []
  await runPlan(session, plan, {
    machine: await surveyMachine({ jobs: 2, cards: false }),
    onEvent: (event) => void events.push(event),
  })
  await session.close()
  return events
}

test('a result that was collected between plan and run is made again, and what follows it still counts', async () => {
  const folder = writeFiles({ 'p.yaml': PIPELINE, 'words.txt': 'a\nb\n' })
  await run(folder)
  const events = await run(folder, async () => {
    const store = await openStore(join(folder, '.queryloom'))
    const two = store.actions.results().filter(({ record }) => record.node === 'two')
    await store.actions.forget(two.map(({ id }) => id))
    const hours = 3600_000
    const rules = { keepMs: undefined, maxBytes: Number.POSITIVE_INFINITY, graceMs: hours, dryRun: false }
    expect(await collect(store, { ...rules, now: Date.now() + 2 * hours })).toMatchObject({
      freed: { blobs: { count: 1 } },
    })
    await store.close()
  })
  const ids = (type: string) => events.flatMap((event) => (event.type === type && 'node' in event ? [event.node] : []))
  expect(events.at(-1)).toMatchObject({ type: 'run-finished', status: 'ok' })
  expect([ids('node-finished'), ids('node-restored').sort(), ids('warning')]).toEqual([['two'], ['one', 'three'], []])
})
