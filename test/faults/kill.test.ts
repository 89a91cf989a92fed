import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../engine/run/events.ts'
import { type SeededRandom, seededRandom } from '../../engine/util/seeded-random.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { writtenBy } from '../rig/small-project.ts'
import { distribution, filesBelow, Ledger, noProcessesOf } from './campaign.ts'
import { IN_FLIGHT, ROWS, sixtyNodes } from './sixty-nodes.ts'

const KILLS = process.env.QUERYLOOM_SOAK === '1' ? 200 : 25

test(`${KILLS} SIGKILLs at random times: the bytes of a calm run, nothing repaired, no finished node lost`, async () => {
  // A model takes its time, so that kills meet requests in flight; and it counts them, so that kills can wait for them.
  let onRequest = (): void => {}
  const server = await fakeOpenai(async (request) => {
    onRequest()
    await new Promise((resolve) => setTimeout(resolve, 25))
    return writtenBy(request)
  })
  const project = new Project(sixtyNodes(server.url))
  const calm = await project.run('pipeline.yaml', '-j', '4')
  expect(calm.finished).toMatchObject({ status: 'ok', nodes: { failed: 0, skipped: 0 }, requests: { sent: ROWS } })
  const nodes = calm.executed.length + calm.restored.length
  expect(nodes).toBe(60)
  const expected = filesBelow(join(project.folder, 'out'))
  const lines = calm.events.length

  const random = seededRandom(4)
  const paidTwice: number[] = []
  let kills = 0
  while (kills < KILLS) {
    // A store from nothing to complete, through as many kills as it takes.
    for (const name of ['.queryloom', 'out']) rmSync(join(project.folder, name), { recursive: true })
    const ledger = new Ledger()
    const before = server.requests.length
    let mine = 0
    for (let complete = false; !complete; ) {
      const trigger = kills >= KILLS ? NEVER : drawTrigger(random, lines)
      const run = startUntil(project, trigger, random)
      let requests = 0
      onRequest = () => ++requests === trigger.requests && run.arm()
      const { events, killedAt } = await run.ended
      ledger.note(events, killedAt)
      // What a killed run left half made is nobody's edit.
      expect(events.filter((event) => event.type === 'warning' && event.message.includes('edited'))).toEqual([])
      if (killedAt !== undefined) {
        kills++
        mine++
        continue
      }
      complete = true
      expect(events.at(-1)).toMatchObject({ type: 'run-finished', status: 'ok', nodes: { failed: 0, skipped: 0 } })
    }
    const again = await project.run('pipeline.yaml')
    expect(again.finished).toMatchObject({ status: 'ok', nodes: { executed: 0, cached: nodes }, requests: { sent: 0 } })
    expect(again.events.filter(({ type }) => type === 'warning')).toEqual([])
    expect(filesBelow(join(project.folder, 'out'))).toEqual(expected)
    await noProcessesOf(project.folder)
    const paid = server.requests.length - before
    expect(paid).toBeGreaterThanOrEqual(ROWS)
    expect(paid).toBeLessThanOrEqual(ROWS + mine * IN_FLIGHT)
    paidTwice.push(paid - ROWS)
    expect(ledger.lost().flat()).toEqual([])
  }
  console.log(
    `${kills} kills, ${paidTwice.length} stores completed; ` +
      `requests sent again, by store: ${distribution(paidTwice)}`,
  )
}, 1_800_000)

/** What a kill waits for: so many events of the run, or so many requests of it. */
interface Trigger {
  events: number | undefined
  requests: number | undefined
}

const NEVER: Trigger = { events: undefined, requests: undefined }

function drawTrigger(random: SeededRandom, lines: number): Trigger {
  return random.below(2) === 0
    ? { events: random.below(Math.round(lines * 0.7)), requests: undefined }
    : { events: undefined, requests: 1 + random.below(25) }
}

/** Starts a run that is killed a moment after its trigger, alone or with its group. */
function startUntil(
  project: Project,
  trigger: Trigger,
  random: SeededRandom,
): { arm(): void; ended: Promise<{ events: RunEvent[]; killedAt: number | undefined }> } {
  const child = project.start('run', 'pipeline.yaml', '--json', '-j', '4')
  const pid = child.pid as number
  const moment = random.below(trigger.events === 0 ? 800 : 25)
  const target = random.below(2) === 0 ? pid : -pid
  let killedAt: number | undefined
  let timer: NodeJS.Timeout | undefined
  const arm = (): void => {
    timer ??= setTimeout(() => {
      if (child.exitCode !== null) return
      killedAt = Date.now()
      process.kill(target, 'SIGKILL')
    }, moment)
  }
  if (trigger.events === 0) arm()
  let text = ''
  let seen = 0
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    seen += piece.split('\n').length - 1
    if (trigger.events !== undefined && seen >= trigger.events) arm()
  })
  child.stderr?.resume()
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve)).then((status) => {
    clearTimeout(timer)
    if (status !== null && status !== 0) throw new Error(`a run ended with status ${status}:\n${text.slice(-2000)}`)
    const events = text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as RunEvent] : []))
    return { events, killedAt: status === null ? killedAt : undefined }
  })
  return { arm, ended }
}
