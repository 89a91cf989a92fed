import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { ended, Project } from '../rig/project.ts'
import { SMALL_PROMPT, smallProject, writtenBy } from '../rig/small-project.ts'

const REQUESTS = 40

function lockOf(project: Project, name = 'pipeline.lock'): string {
  return readFileSync(join(project.folder, name), 'utf8')
}

function filesOf(project: Project): string[] {
  return readdirSync(project.folder).sort()
}

/** A project that has run once. */
async function made(passages = 40) {
  const server = await fakeOpenai(writtenBy)
  const files = smallProject(server.url, passages)
  const project = new Project(files)
  const first = await project.run('pipeline.yaml')
  expect(first.finished.status).toBe('ok')
  return { server, files, project, first }
}

const COMMANDS = `version: 1
params: { word: one }
stages:
  a: { uses: command, with: { run: "echo $RANDOM_FILE_FREE \${params.word} > o", outputs: { o: o } } }
  b: { uses: command, with: { run: "tr a-z A-Z < i > o", inputs: { i: "\${stages.a.o}" }, outputs: { o: o } } }
  c: { uses: command, with: { run: "echo c > o", outputs: { o: o } } }
`

test('a run leaves a lockfile that tells nothing of machine, place or time, and writes it only when it changes', async () => {
  const { project } = await made()
  const text = lockOf(project)
  expect(text).toMatch(/^# What this pipeline made/)
  for (const id of ['passages', 'queries', 'kept', 'data', 'retriever', 'scores', 'lines'])
    expect(text).toMatch(new RegExp(`^  ${id}:\n    key: sha256:[0-9a-f]{64}\n    outputs:\n      \\w+: sha256:`, 'm'))
  expect(text).toMatch(/^ {2}d\/corpus: sha256:/m)
  expect(text).toMatch(/^ {2}writer: \{"endpoint":"http:\/\/127.0.0.1\/v1","model":"test-model","type":"endpoint"\}$/m)
  expect(text).toMatch(/^ {2}prompt\.yaml: sha256:/m)
  expect(text).not.toContain(project.folder)
  const before = statSync(join(project.folder, 'pipeline.lock'), { bigint: true })
  await project.run('pipeline.yaml')
  const after = statSync(join(project.folder, 'pipeline.lock'), { bigint: true })
  expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs])
  expect(filesOf(project).filter((name) => name.includes('tmp'))).toEqual([])
})

test('a second checkout with the same store asks nothing, executes nothing and has the same lockfile byte by byte', async () => {
  const { server, files, project } = await made()
  const home = join(project.folder, '.queryloom')
  const other = new Project(Object.fromEntries(Object.entries(files).map(([path, text]) => [`deep/er/${path}`, text])))
  const second = await other.run('deep/er/pipeline.yaml', '--home', home)
  expect(second.finished).toMatchObject({ status: 'ok', nodes: { executed: 0 }, requests: { sent: 0 } })
  expect(lockOf(other, 'deep/er/pipeline.lock')).toBe(lockOf(project))
  expect(server.requests.length).toBe(REQUESTS)
  // Another prompt pays its own rows, and nothing of what does not read it.
  other.write('deep/er/prompt.yaml', SMALL_PROMPT.replace('Search query', 'Question'))
  const third = await other.run('deep/er/pipeline.yaml', '--home', home)
  expect(third.finished.requests).toMatchObject({ sent: REQUESTS })
  expect(third.restored).toContain('passages')
  const fourth = await project.run('pipeline.yaml', '--locked')
  expect(fourth.finished).toMatchObject({ status: 'ok', nodes: { executed: 0 }, requests: { sent: 0 } })
})

test('a copied store in another checkout gives the same bytes', async () => {
  const { files, project } = await made()
  const other = new Project(files)
  cpSync(join(project.folder, '.queryloom'), join(other.folder, '.queryloom'), { recursive: true })
  const second = await other.run('pipeline.yaml')
  expect(second.finished).toMatchObject({ nodes: { executed: 0 }, requests: { sent: 0 } })
  expect(lockOf(other)).toBe(lockOf(project))
})

test('the lockfile describes default params: others write none, unless --lock says where', async () => {
  const project = new Project({ 'p.yaml': COMMANDS })
  await project.run('p.yaml', '-p', 'word=two')
  expect(filesOf(project)).not.toContain('p.lock')
  await project.run('p.yaml', '-p', 'word=two', '--lock', 'two.lock')
  expect(filesOf(project)).toContain('two.lock')
  expect(filesOf(project)).not.toContain('p.lock')
  await project.run('p.yaml')
  expect(lockOf(project, 'p.lock')).not.toBe(lockOf(project, 'two.lock'))
  expect((await project.call('run', 'p.yaml', '--locked', '-p', 'word=two', '--lock', 'two.lock')).status).toBe(0)
  expect((await project.call('run', 'p.yaml', '--locked', '-p', 'word=two')).status).toBe(2)
})

test('a part that runs replaces its blocks; what fails keeps its own; what is gone goes', async () => {
  const project = new Project({ 'p.yaml': COMMANDS })
  await project.run('p.yaml', 'c')
  expect([...lockOf(project, 'p.lock').matchAll(/^ {2}(\w+):$/gm)].map(([, id]) => id)).toEqual(['c'])
  await project.run('p.yaml')
  const block = (id: string): string =>
    new RegExp(`^  ${id}:\n(?: {4}.*\n)+`, 'm').exec(lockOf(project, 'p.lock'))?.[0] ?? ''
  const [a, b, c] = ['a', 'b', 'c'].map(block)
  project.write('p.yaml', COMMANDS.replace('echo c', 'exit 3').replace('word: one', 'word: two'))
  expect((await project.run('p.yaml')).status).toBe(1)
  expect(block('a')).not.toBe(a)
  expect(block('b')).not.toBe(b)
  expect(block('c')).toBe(c)
  project.write('p.yaml', COMMANDS.replace(/^ {2}c:.*\n/m, ''))
  await project.run('p.yaml')
  expect([a, b, block('c')]).toEqual([block('a'), block('b'), ''])
})

test('two runs of different stages at once both leave their blocks', async () => {
  const project = new Project({})
  const go = join(project.folder, 'go')
  project.write('p.yaml', COMMANDS.replace('echo c', `while [ ! -e ${go} ]; do sleep 0.02; done; echo c`))
  const slow = project.start('run', 'p.yaml', 'c', '--json')
  await new Promise<void>((resolve) =>
    slow.stdout?.on('data', (text) => String(text).includes('node-started') && resolve()),
  )
  await project.run('p.yaml', 'b')
  project.write('go', '')
  expect((await ended(slow)).status).toBe(0)
  expect([...lockOf(project, 'p.lock').matchAll(/^ {2}(\w+):$/gm)].map(([, id]) => id)).toEqual(['a', 'b', 'c'])
})

test('--locked refuses what differs, names the change and its cause, runs nothing and writes nothing', async () => {
  const { server, project } = await made()
  const text = lockOf(project)
  expect((await project.call('run', 'pipeline.yaml', '--locked')).status).toBe(0)
  project.write('prompt.yaml', SMALL_PROMPT.replace('Search query', 'Question'))
  const pipeline = readFileSync(join(project.folder, 'pipeline.yaml'), 'utf8')
  project.write('pipeline.yaml', pipeline.replace('steps: 20', 'steps: 21').replace(/^ {2}lines:/m, '  lines2:'))
  const refused = await project.call('run', 'pipeline.yaml', '--locked')
  expect(refused.status).toBe(2)
  expect(refused.stderr).toMatch(/~ queries is not what was locked\n.*\n(.*\n)*.*\+ *Question/)
  expect(refused.stderr).toMatch(/~ retriever is not what was locked\n.*budget\/steps changed from 20 to 21/)
  expect(refused.stderr).toContain('~ prompt prompt.yaml was sha256:')
  expect(refused.stderr).toContain('+ lines2 is not in the lockfile')
  expect(refused.stderr).toContain('- lines is in the lockfile, but not in the pipeline')
  // What only follows from a change is not one.
  expect(refused.stderr).not.toMatch(/~ (kept|data|scores|passages)/)
  const plan = await project.call('plan', 'pipeline.yaml', '--locked')
  expect([plan.status, plan.stderr, plan.stdout]).toEqual([2, refused.stderr, expect.stringContaining('queries')])
  expect(lockOf(project)).toBe(text)
  expect(server.requests.length).toBe(REQUESTS)
  expect((await project.call('run', 'pipeline.yaml', 'passages', '--locked', '--only', 'x=1')).status).toBe(2)
})

test('--locked without a lockfile, and with one that is broken, says so', async () => {
  const project = new Project({ 'p.yaml': COMMANDS })
  const none = await project.call('run', 'p.yaml', '--locked')
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('there is no p.lock')])
  project.write('p.lock', 'version: 1\n<<<<<<< ours\n')
  const broken = await project.call('run', 'p.yaml')
  expect([broken.status, broken.stderr]).toEqual([2, expect.stringMatching(/p\.lock:2:1 {2}error {2}a merge conflict/)])
})

test('--locked makes what is not stored, from stored rows, and asks no model', async () => {
  const { server, files, project } = await made()
  for (const name of ['actions.log', 'preimages.log', 'blobs'])
    rmSync(join(project.folder, '.queryloom', name), { recursive: true })
  const again = await project.run('pipeline.yaml', '--locked')
  expect(again.finished).toMatchObject({ status: 'ok', requests: { sent: 0, cached: REQUESTS } })
  const fresh = new Project({ ...files, 'pipeline.lock': lockOf(project) })
  const refused = await fresh.call('run', 'pipeline.yaml', '--locked')
  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain(`queries would send ${REQUESTS} requests`)
  expect(server.requests.length).toBe(REQUESTS)
})

test('of several results the pinned one is used; one that is lost is a warning, and an error with --locked', async () => {
  const counter = 'n=$(cat COUNT); echo $((n+1)) > COUNT; echo $n > o'
  const project = new Project({ COUNT: '1\n' })
  const run = counter.replaceAll('COUNT', join(project.folder, 'COUNT'))
  project.write(
    'p.yaml',
    `version: 1\nstages:\n  a: { uses: command, with: { run: "${run}", outputs: { o: o } } }\n  b: { uses: command, with: { run: "cat i > o", inputs: { i: "\${stages.a.o}" }, outputs: { o: o } } }\n`,
  )
  const value = (): string => readFileSync(join(project.folder, 'out/p/b/o/o'), 'utf8')
  await project.run('p.yaml')
  const first = lockOf(project, 'p.lock')
  const forced = await project.run('p.yaml', '--force', 'a')
  expect(forced.stderr).toBe('')
  expect(value()).toBe('2\n')
  const second = lockOf(project, 'p.lock')
  expect(second).not.toBe(first)
  // Git brings the first lockfile back.
  project.write('p.lock', first)
  const back = await project.run('p.yaml')
  expect([back.finished.nodes.executed, value(), lockOf(project, 'p.lock')]).toEqual([0, '1\n', first])
  // A store that never had it.
  rmSync(join(project.folder, '.queryloom'), { recursive: true })
  mkdirSync(join(project.folder, '.queryloom'))
  const locked = await project.run('p.yaml', '--locked')
  expect([locked.status, locked.finished.nodes]).toEqual([1, expect.objectContaining({ failed: 1, skipped: 1 })])
  expect(locked.stdout).toContain('it made another result than the lockfile pins: output o is sha256:')
  expect(lockOf(project, 'p.lock')).toBe(first)
  const status = await project.call('status', 'p.yaml')
  expect(status.stderr).toContain("warning: the result of a that the lockfile pins can't be had")
  const taken = await project.run('p.yaml')
  expect(taken.stderr).toContain("warning: the result of a that the lockfile pins can't be had")
  expect([taken.finished.nodes.failed, value()]).toEqual([0, '3\n'])
  expect(lockOf(project, 'p.lock')).not.toBe(first)
})
