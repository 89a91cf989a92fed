import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type HelperEvent, runHelper } from '../../../stages/python/events-file.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices } from '../models/setup.ts'

/** Runs a shell script as a helper, with its events file in $EVENTS; what it told. */
async function run(script: string): Promise<HelperEvent[]> {
  const { processes } = await leaseServices()
  const folder = temporaryFolder()
  const events = join(folder, 'events.jsonl')
  const told: HelperEvent[] = []
  const command = ['sh', '-c', script]
  const request = { title: 'helper', command, env: { EVENTS: events }, log: join(folder, 'log') }
  await runHelper(processes, request, events, (event) => told.push(event))
  return told
}

test('events are handed on as they were told, half a line when its end is there', async () => {
  const script = `echo '{"event": "started", "cards": []}' >> $EVENTS; printf '{"event": ' >> $EVENTS; sleep 0.5; echo '"finished"}' >> $EVENTS`
  expect(await run(script)).toEqual([{ event: 'started', cards: [] }, { event: 'finished' }])
})

test.each([
  ['of the helper', 3],
  ['of a launcher, whose status is its own', 1],
])('the first refusal %s is the error', async (_, status) => {
  const refuse = (message: string): string =>
    `echo '{"event": "refused", "message": "${message}", "advice": "Do that."}' >> $EVENTS`
  const script = `${refuse('no such card')}; ${refuse('so was this one')}; echo Traceback >&2; exit ${status}`
  await expect(run(script)).rejects.toMatchObject({ message: 'no such card', advice: 'Do that.', tail: undefined })
})

test('a helper that fails without a word is told of with the tail of its log', async () => {
  await expect(run('echo Segmentation fault >&2; exit 1')).rejects.toMatchObject({
    message: expect.stringContaining('status 1'),
    tail: expect.stringContaining('Segmentation fault'),
  })
})
