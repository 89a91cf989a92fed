import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Children, sweepChildren } from '../../../engine/run/children.ts'
import { localProcesses } from '../../../engine/run/local-processes.ts'
import { packageRoot } from '../../../engine/util/package-root.ts'
import type { ProcessRunner } from '../../../stages/define.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

async function runner(folder: string): Promise<{ processes: ProcessRunner; children: Children; log: string }> {
  const children = new Children(folder, 'run-under-test')
  const processes = await localProcesses({ temporary: folder, children })
  return { processes, children, log: join(folder, 'log') }
}

function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z'
  } catch {
    return false
  }
}

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('a child sees the fixed environment and nothing of the shell', async () => {
  const folder = temporaryFolder()
  process.env.QUERYLOOM_TEST_SECRET = 'hidden'
  process.env.PIP_INDEX_URL_FOR_TEST = 'index'
  const { processes, log } = await runner(folder)
  await processes.run({ command: ['env'], log, title: 'env', env: { DECLARED: 'yes' } })
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  const names = lines.map((line) => line.split('=')[0])
  expect(lines).toContain('DECLARED=yes')
  expect(lines).toContain('TZ=UTC')
  expect(lines).toContain('LC_ALL=C.UTF-8')
  expect(lines).toContain('PYTHONHASHSEED=0')
  expect(names).not.toContain('QUERYLOOM_TEST_SECRET')
  expect(names).not.toContain('PIP_INDEX_URL_FOR_TEST')
  const installer = join(folder, 'installer')
  await processes.run({ command: ['env'], log: installer, title: 'env', network: true })
  expect(readFileSync(installer, 'utf8')).toContain('PIP_INDEX_URL_FOR_TEST=index')
})

test('a failing command is told with its status and the last lines of its log', async () => {
  const { processes, log, children } = await runner(temporaryFolder())
  const failure = processes.run({ command: ['sh', '-c', 'echo all is lost; exit 3'], log, title: 'the tool' })
  await expect(failure).rejects.toMatchObject({
    name: 'StageError',
    message: "the tool ended with exit status 3: sh -c 'echo all is lost; exit 3'",
    tail: 'all is lost',
  })
  await expect(processes.run({ command: ['no-such-program'], log, title: 'the tool' })).rejects.toThrow('was not found')
  const tooLong = processes.run({ command: ['sh', '-c', ':', 'x'.repeat(1 << 22)], log, title: 'the tool' })
  await expect(tooLong).rejects.toThrow("the tool can't be started: spawn E2BIG")
  expect(children.count).toBe(1)
})

test('what a command leaves running ends with it, and its end is not waited for', async () => {
  const { processes, log } = await runner(temporaryFolder())
  await processes.run({ command: ['sh', '-c', 'sleep 300 & echo $!'], log, title: 'leaver' })
  await gone(Number(readFileSync(log, 'utf8')))
})

test('a time limit ends the whole group, also one that ignores TERM', async () => {
  const { processes, log } = await runner(temporaryFolder())
  const command = ['sh', '-c', 'trap "" TERM; echo $$; sleep 300 & wait; sleep 300'] as const
  const failure = processes.run({ command: [...command], log, title: 'stubborn', timeoutMs: 150, graceMs: 100 })
  await expect(failure).rejects.toMatchObject({ transient: true })
  await gone(Number(readFileSync(log, 'utf8').split('\n')[0]))
})

test('SIGKILL of the engine alone ends its children, also those in sessions of their own', async () => {
  const folder = temporaryFolder()
  const engine = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { localProcesses } = await import(${JSON.stringify(join(packageRoot, 'dist/engine/run/local-processes.js'))})
       const { Children } = await import(${JSON.stringify(join(packageRoot, 'dist/engine/run/children.js'))})
       const children = new Children(${JSON.stringify(folder)}, 'killed-run')
       const processes = await localProcesses({ temporary: '/tmp', children })
       const log = ${JSON.stringify(join(folder, 'log'))}
       const inGroup = processes.start({ command: ['sleep', '300'], log, title: 'in its group' })
       // Its starter ends only when it has left the group: what is still in it ends with its leader.
       const leave = 'setsid -f sh -c ": > left; exec sleep 301"; until [ -e left ]; do sleep 0.01; done'
       processes.start({ command: ['sh', '-c', leave], cwd: ${JSON.stringify(folder)}, log, title: 'escaped' })
       console.log(inGroup.pid)
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const pid = Number(await new Promise((resolve) => engine.stdout.once('data', resolve)))
  const escaped = await sleeper('301')
  expect(isAlive(pid)).toBe(true)
  engine.kill('SIGKILL')
  await gone(pid)
  await gone(escaped)
  expect(sweepChildren(folder)).toEqual([])
  expect(readdirSync(join(folder, 'children'))).toEqual([])
  expect(existsSync(join(folder, 'log'))).toBe(true)
})

/** The process that sleeps for so long, once it does. */
async function sleeper(seconds: string): Promise<number> {
  for (;;) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${seconds}\0`) return Number(pid)
      } catch {
        // It ended while the list was read.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('what a process says of its secrets does not come into its log, in whatever pieces it says it', async () => {
  const folder = temporaryFolder()
  const children = new Children(folder, 'run-under-test')
  const secrets = ['correct-horse-battery']
  const processes = await localProcesses({ temporary: folder, children, secrets, declared: { S: secrets[0]! } })
  const log = join(folder, 'log')
  const say = 'echo "a $S z"; printf correct-horse; sleep 0.05; printf -- -battery; printf %s "$S" | base64 >&2; exit 4'
  const failure = processes.run({ command: ['sh', '-c', say], log, title: 'the tool' })
  await expect(failure).rejects.toMatchObject({ tail: expect.stringContaining('a *** z') })
  const text = readFileSync(log, 'utf8')
  expect(text).toMatch(/^a \*\*\* z\n\*\*\*/m)
  expect(text).not.toMatch(/correct|battery|Y29ycmVjdC/)
})

test('the end of a process with secrets does not wait for what it left behind in a session of its own', async () => {
  const folder = temporaryFolder()
  const children = new Children(folder, 'run-under-test')
  const processes = await localProcesses({ temporary: folder, children, secrets: ['correct-horse-battery'] })
  const log = join(folder, 'log')
  const result = await processes.run({ command: ['sh', '-c', 'setsid sleep 600 & echo done'], log, title: 'the tool' })
  expect(result).toEqual({ exitCode: 0, signal: null, timedOut: false })
  expect(readFileSync(log, 'utf8')).toBe('done\n')
  await processes.gone()
})

test('to stop what could not be started is no failure: a server that did not come back must not end its run', async () => {
  const { processes, log } = await runner(temporaryFolder())
  const server = processes.start({ command: ['no-such-program'], log, title: 'the server' })
  await server.stop()
  await expect(server.ended).rejects.toThrow('was not found')
})
