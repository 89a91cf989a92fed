import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ended, Project } from '../rig/project.ts'
import { fileText, gone, interruptAgain, isAlive } from '../rig/wait-for.ts'

/** Stages of type `command`, each with its output `o`; `$T` in a command is a folder that outlives it. */
function project(stages: { readonly [name: string]: { run: string; more?: string; needs?: string[] } }): Project {
  const made = new Project({})
  const lines = Object.entries(stages).map(([name, { run, more = '', needs = [] }]) => {
    const inputs = needs.map((need) => `${need}: "\${stages.${need}.o}"`).join(', ')
    const command = JSON.stringify(run.replaceAll('$T', made.folder))
    return `  ${name}: { uses: command, ${more} with: { run: ${command}, inputs: { ${inputs} }, outputs: { o: o } } }`
  })
  made.write('p.yaml', `version: 1\nstages:\n${lines.join('\n')}\n`)
  return made
}

const lines = (made: Project, file: string): string[] =>
  readFileSync(join(made.folder, file), 'utf8').trim().split('\n')

/** Leaves a process in a session of its own, which ignores TERM, and notes its pid. */
const straggler = `setsid -f sh -c 'trap "" TERM; echo $$ > "$0"; sleep 300; sleep 300'`

test('a failing stage is tried as often as its `retry` says, with pauses that double', async () => {
  const made = project({
    third: {
      run: 'echo x >> $T/third; [ $(wc -l < $T/third) = 3 ] && echo done > o',
      more: 'retry: { attempts: 4, backoff: 10ms },',
    },
    never: { run: 'echo x >> $T/never; exit 4', more: 'retry: { attempts: 2, backoff: 5ms },' },
    once: { run: 'echo x >> $T/once; exit 5' },
  })
  const { events, finished, status } = await made.run('p.yaml')
  expect(status).toBe(1)
  expect(finished.nodes).toMatchObject({ executed: 1, failed: 2 })
  const retried = events.flatMap((event) =>
    event.type === 'node-retried' ? [[event.node, event.attempt, event.waitMs]] : [],
  )
  expect(retried.sort()).toEqual([
    ['never', 2, 5],
    ['third', 2, 10],
    ['third', 3, 20],
  ])
  expect([lines(made, 'third').length, lines(made, 'never').length, lines(made, 'once').length]).toEqual([3, 2, 1])
})

test('a failure stops only what depends on it, and says whose fault it is', async () => {
  const made = project({
    bad: { run: 'exit 1' },
    after: { run: 'echo > o', needs: ['bad'] },
    later: { run: 'echo > o', needs: ['after'] },
    apart: { run: 'echo > o' },
    beside: { run: 'echo > o', needs: ['apart'] },
  })
  const { events, executed } = await made.run('p.yaml', '-j', '1')
  expect(executed).toEqual(['apart', 'beside'])
  const skipped = events.flatMap((event) => (event.type === 'node-skipped' ? [[event.node, event.because]] : []))
  expect(skipped).toEqual([
    ['after', 'bad'],
    ['later', 'bad'],
  ])
})

test('--fail-fast starts nothing new after a failure and lets finish what runs', async () => {
  const made = project({
    bad: { run: 'while [ ! -e $T/running ]; do sleep 0.02; done; exit 1' },
    slow: { run: 'touch $T/running; while [ ! -e $T/failed ]; do sleep 0.02; done; echo > o' },
    next: { run: 'echo > o', needs: ['slow'] },
  })
  const child = made.start('run', 'p.yaml', '-j', '2', '--fail-fast', '--plain')
  child.stderr?.on('data', (text: string) => {
    if (text.includes('bad failed')) made.write('failed', '')
  })
  const { status, stderr } = await ended(child)
  expect(status).toBe(1)
  expect(stderr).toContain('slow finished')
  expect(stderr).toContain('next skipped: another node failed (--fail-fast)')
  expect((await made.run('p.yaml')).restored).toContain('slow')
})

test('a time limit ends all of a command’s processes, those in sessions of their own too, before the next attempt', async () => {
  const made = project({
    slow: {
      run: `if [ -s $T/pid ]; then [ -e /proc/$(cat $T/pid)/exe ] && exit 9; echo > o; exit 0; fi; ${straggler} $T/pid; sleep 300`,
      // On a busy machine an attempt may be over before its straggler has said who it is.
      more: 'timeout: 2s, retry: { attempts: 20, backoff: 1ms },',
    },
  })
  const { events, finished } = await made.run('p.yaml')
  expect(finished.nodes).toMatchObject({ executed: 1, failed: 0 })
  const retried = events.filter((event) => event.type === 'node-retried')
  expect(new Set(retried.map(({ failure }) => failure.message))).toEqual(new Set(['ran past its time limit of 2 s']))
})

test('what commands leave running in sessions of their own ends with the run at the latest, be they done or failed', async () => {
  const wait = (file: string): string => `while [ ! -s $T/${file} ]; do sleep 0.02; done`
  const made = project({
    good: { run: `${straggler} $T/good; ${wait('good')}; echo > o` },
    bad: { run: `${straggler} $T/bad; ${wait('bad')}; exit 3` },
  })
  await made.run('p.yaml')
  for (const file of ['good', 'bad']) expect(isAlive(Number(lines(made, file)[0]))).toBe(false)
  expect(readdirSync(join(made.folder, '.queryloom/children'))).toEqual([])
})

test('the first Ctrl-C lets a command finish and keeps its result; what follows is not started', async () => {
  const made = project({
    first: { run: 'echo > $T/running; while [ ! -e $T/go ]; do sleep 0.02; done; echo done > o' },
    second: { run: 'echo > o', needs: ['first'] },
  })
  const child = made.start('run', 'p.yaml', '--plain')
  const end = ended(child)
  child.stderr?.on('data', (text: string) => {
    if (text.includes('stopping')) made.write('go', '')
  })
  await fileText(join(made.folder, 'running'))
  child.kill('SIGINT')
  const { status, stderr } = await end
  expect(status).toBe(130)
  expect(stderr).toContain('second skipped: the run was interrupted')
  const again = await made.run('p.yaml')
  expect(again).toMatchObject({ restored: ['first'], executed: ['second'] })
})

test('the second Ctrl-C ends a command that ignores TERM, and all that it started; nothing of it is recorded', async () => {
  const made = project({
    stubborn: { run: `trap "" TERM; ${straggler} $T/pid; echo $$ > $T/own; sleep 300; sleep 300; echo > o` },
  })
  const child = made.start('run', 'p.yaml', '--plain')
  const end = ended(child)
  const stopping = new Promise<void>((resolve) => {
    child.stderr?.on('data', (text: string) => text.includes('stopping') && resolve())
  })
  const pids = [Number(await fileText(join(made.folder, 'own'))), Number(await fileText(join(made.folder, 'pid')))]
  child.kill('SIGINT')
  await stopping
  await interruptAgain(child)
  expect((await end).status).toBe(130)
  for (const pid of pids) await gone(pid)
  expect(existsSync(join(made.folder, 'out/p/stubborn'))).toBe(false)
  expect((await made.json<{ nodes: { decision: string }[] }>('plan', 'p.yaml')).nodes[0]?.decision).toBe('run')
})
