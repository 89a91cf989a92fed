import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type HelperEvent, runHelper } from '../../../stages/python/events-file.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices, scripts } from '../models/setup.ts'

/** Runs a shell script as a helper, with its events file in $EVENTS; what it told. */
async function run(script: string): Promise<HelperEvent[]> {
  const { processes } = await leaseServices()
  const folder = temporaryFolder()
  const events = join(folder, 'events.jsonl')
  const told: HelperEvent[] = []
  const command: [string, ...string[]] = ['sh', '-c', script]
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

test('what Python compiles is kept in its environment, so that only its first start pays for it', async () => {
  const { processes } = await leaseServices()
  const folder = temporaryFolder()
  const events = join(folder, 'events.jsonl')
  const python = join(scripts({ python: `exec python3 "$@"` }), 'python')
  const own = join(folder, 'own')
  mkdirSync(own)
  writeFileSync(join(own, 'helper.py'), 'import used')
  writeFileSync(join(own, 'used.py'), '')
  process.env.PYTHONDONTWRITEBYTECODE = '1'
  onTestFinished(() => void delete process.env.PYTHONDONTWRITEBYTECODE)
  const command: [string, ...string[]] = [python, '-s', join(own, 'helper.py')]
  await runHelper(processes, { title: 'helper', command, log: join(folder, 'log') }, events, () => {})
  expect(readdirSync(own)).toEqual(['helper.py', 'used.py'])
  const kept = readdirSync(join(python, '../../bytecode'), { recursive: true }) as string[]
  expect(kept.filter((path) => path.includes('used.'))).toHaveLength(1)
})
