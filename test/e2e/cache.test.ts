import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const PIPELINE = `version: 1
name: demo
params: { lines: 2 }
stages:
  sorted:
    uses: command
    with: { run: "sort in > out.txt", inputs: { in: words.txt }, outputs: { sorted: out.txt } }
  top:
    uses: command
    with: { run: "head -n \${params.lines} in > out.txt", inputs: { in: "\${stages.sorted.sorted}" }, outputs: { top: out.txt } }
  count:
    uses: command
    with: { run: "wc -l < in > out.txt", inputs: { in: "\${stages.top.top}" }, outputs: { count: out.txt } }
`
const FILES = { 'demo.yaml': PIPELINE, 'words.txt': 'b\na\nc\n', '.queryloom/.gitignore': '*\n' }

interface Listed {
  node: string
  key: string
  run: string
  results: number
  tags: string[]
  keptBy: string | null
}

/** Makes everything in the store look as if nobody had been there for so many days. */
function age(project: Project, days: number): void {
  const store = join(project.folder, '.queryloom')
  const ms = days * 24 * 3600_000
  const earlier = (time: number): string => new Date(time - ms).toISOString()
  const edit = (path: string, change: (text: string) => string): void =>
    writeFileSync(path, change(readFileSync(path, 'utf8')))
  edit(join(store, 'actions.log'), (text) =>
    text.replace(/^[0-9a-f]{8} (\[.*\t)(\{.*)$/gm, (_, head: string, body: string) => {
      const old = body.replace(/"startedAt":"(.*?)"/, (_, time) => `"startedAt":"${earlier(Date.parse(time))}"`)
      const idOf = (record: string): string => createHash('sha256').update(record).digest('hex').slice(0, 16)
      const line = `${head.replace(idOf(body), idOf(old))}${old}`
      return `${crc32(line).toString(16).padStart(8, '0')} ${line}`
    }),
  )
  for (const entry of readdirSync(store, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.name === 'events.jsonl')
      edit(path, (text) => text.replace(/^\{"at":(\d+)/gm, (_, at) => `{"at":${at - ms}`))
    if (entry.isFile()) utimesSync(path, (Date.now() - ms) / 1000, (Date.now() - ms) / 1000)
  }
}

describe('cache', () => {
  test('ls lists the newest result of every node, with the tags of its run', async () => {
    const project = new Project(FILES)
    const run = await project.run('demo.yaml')
    expect(await project.call('cache', 'tag', 'paper', 'demo.yaml', '--quiet')).toMatchObject({ status: 0, stdout: '' })
    await project.run('demo.yaml', '-p', 'lines=1')
    const listed = await project.json<Listed[]>('cache', 'ls', 'demo.yaml')
    expect(listed.map(({ node, tags, results }) => [node, tags, results])).toEqual([
      ['count', [], 2],
      ['sorted', ['paper'], 1],
      ['top', [], 2],
    ])
    expect(listed[1]?.run).toBe(run.events.find((event) => event.type === 'run-started')?.run)
    expect((await project.call('cache', 'ls')).stdout).toMatch(/^demo.yaml\nnode +key/)
    expect(await project.call('cache', 'untag', 'paper')).toMatchObject({ status: 0 })
    expect(await project.call('cache', 'untag', 'paper')).toMatchObject({
      status: 2,
      stderr: 'there is no tag paper\n',
    })
  })

  test('du tells what takes the room, answers by model, outputs by pipeline', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project({ ...smallProject(server.url), '.queryloom/.gitignore': '*\n' })
    await project.run('pipeline.yaml')
    const use = await project.json<{
      kinds: { [kind: string]: { count: number; bytes: number } }
      models: { [model: string]: { count: number } }
      pipelines: { pipeline: string; bytes: number }[]
      bytes: number
    }>('cache', 'du')
    expect(use.models['fake-model-1']).toMatchObject({ count: 40 })
    expect(use.pipelines).toMatchObject([{ pipeline: 'pipeline.yaml', bytes: use.kinds.outputs?.bytes }])
    const total = readdirSync(join(project.folder, '.queryloom'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + readFileSync(join(entry.parentPath, entry.name)).length, 0)
    expect(use.bytes).toBe(total)
    expect((await project.call('cache', 'du')).stdout).toContain('fake-model-1')
  })

  test('verify finds a flipped byte that plans do not see; what it names is what the next run makes, and all is well', async () => {
    const project = new Project(FILES)
    await project.run('demo.yaml')
    const record = readFileSync(join(project.folder, '.queryloom/actions.log'), 'utf8')
    const line = record.split('\n').find((one) => one.includes('"node":"top"'))
    const blob = /"blob":"sha256:([0-9a-f]{64})"/.exec(line ?? '')?.[1]
    const path = join(project.folder, '.queryloom/blobs', blob!.slice(0, 2), blob!.slice(2))
    const bytes = readFileSync(path)
    bytes[0]! ^= 1
    chmodSync(path, 0o644)
    writeFileSync(path, bytes)
    const found = await project.call('cache', 'verify')
    expect(found.status).toBe(1)
    expect(found.stdout).toMatch(/damaged, moved to quarantine: sha256:/)
    expect(found.stdout.match(/^stale: .*$/gm)).toEqual(['stale: top of demo.yaml: top/out.txt is damaged'])
    const mended = await project.run('demo.yaml')
    expect(mended.executed).toEqual(['top'])
    expect(await project.call('cache', 'verify')).toMatchObject({ status: 0 })
  })

  test('verify finds a flipped byte of a log line; its node runs again, and it is told of once', async () => {
    const project = new Project(FILES)
    await project.run('demo.yaml')
    const path = join(project.folder, '.queryloom/actions.log')
    const text = readFileSync(path, 'latin1')
    writeFileSync(path, text.replace('"node":"count"', '"node":"counT"'), 'latin1')
    expect((await project.call('cache', 'verify')).status).toBe(1)
    expect((await project.run('demo.yaml')).executed).toEqual(['count'])
    const again = await project.call('cache', 'verify')
    expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('1 damaged stretch known before') })
  })

  test('rm tells what it would forget, and forgets it with --yes; rows stay, and the plan says why', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project({ ...smallProject(server.url), '.queryloom/.gitignore': '*\n' })
    await project.run('pipeline.yaml')
    const dry = await project.call('cache', 'rm', 'queries')
    expect(dry.stdout).toContain('1 result would be forgotten: say --yes to do it')
    expect(dry.stdout).toContain('The 40 answers of models that they were made from stay: they were paid for.')
    expect((await project.call('status', 'pipeline.yaml')).status).toBe(0)
    expect((await project.call('cache', 'rm', 'nothing')).status).toBe(2)
    expect((await project.call('cache', 'rm', 'queries', '--yes')).stdout).toContain('1 result forgotten')
    expect((await project.call('plan', 'pipeline.yaml')).stdout).toContain('its result was removed')
    const run = await project.run('pipeline.yaml')
    expect(run.executed).toEqual(['queries'])
    expect(server.requests.length).toBe(40)
  })

  test('rm --rows removes answers of models only when told twice, and only those of the named nodes', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project({ ...smallProject(server.url), '.queryloom/.gitignore': '*\n' })
    await project.run('pipeline.yaml', '-p', 'density=1')
    await project.run('pipeline.yaml', '-p', 'fraction=1.0')
    expect(server.requests.length).toBe(80)
    const rm = (...words: string[]) => project.call('cache', 'rm', 'queries', '--rows', ...words)
    expect(await rm()).toMatchObject({ status: 2, stderr: expect.stringContaining('--file FILE') })
    const dry = await rm('--file', 'pipeline.yaml')
    expect(dry.stdout).toContain('40 answers of models would be removed for good: they were paid for')
    expect((await project.json<{ models: object }>('cache', 'du')).models).toMatchObject({
      'fake-model-1': { count: 80 },
    })
    const done = await rm('--file', 'pipeline.yaml', '--yes')
    expect(done).toMatchObject({ status: 0, stdout: expect.stringContaining('40 answers of models removed for good') })
    expect((await project.call('cache', 'verify')).status).toBe(0)
    await project.run('pipeline.yaml', '--force', 'queries')
    expect(server.requests.length).toBe(120)
    await project.run('pipeline.yaml', '-p', 'fraction=1.0', '--force', 'queries')
    expect(server.requests.length).toBe(120)
  })

  test('gc keeps what a lockfile names and removes what nobody used; the next run makes it again', async () => {
    const project = new Project(FILES)
    await project.run('demo.yaml')
    const [count, , top] = await project.json<Listed[]>('cache', 'ls')
    await project.run('demo.yaml', '-p', 'lines=1')
    // Of another checkout, which has nothing but the end.
    rmSync(join(project.folder, 'demo.lock'))
    project.write('theirs.lock', `version: 1\nnodes:\n  top: { key: "${top!.key}" }\n`)
    age(project, 40)
    const dry = await project.call('cache', 'gc', '--dry-run')
    expect(dry.stdout).toMatch(/^would free .* and forget 1 result\n {2}demo.yaml: count/)
    const done = await project.call('cache', 'gc')
    expect(done.stdout).toMatch(/^freed /)
    const keys = readFileSync(join(project.folder, '.queryloom/actions.log'), 'utf8').match(/"forget","sha256:\w+"/g)
    expect(keys).toEqual([`"forget","${count!.key}"`])
    const run = await project.run('demo.yaml')
    expect([run.executed, run.restored]).toEqual([['count'], ['sorted', 'top']])
  })

  test('a run notes its pipeline in a shared store, once, and looks at the cap at its end', async () => {
    const home = join(temporaryFolder(), 'store')
    const a = new Project(FILES)
    const b = new Project(FILES)
    for (const project of [a, b, a]) await project.run('demo.yaml', '--home', home)
    expect(readdirSync(join(home, 'pipelines')).length).toBe(2)
    expect(existsSync(join(home, 'trimmed'))).toBe(true)
  })

  test('where there is no store says so and makes none', async () => {
    const project = new Project({ 'demo.yaml': PIPELINE })
    for (const words of [['ls'], ['du'], ['verify'], ['gc'], ['rm', 'x'], ['tag', 'x'], ['untag', 'x']]) {
      const { status, stderr } = await project.call('cache', ...words, '--home', 'nowhere')
      expect({ words, status, stderr }).toEqual({
        words,
        status: 2,
        stderr: expect.stringContaining('there is no store at'),
      })
    }
    expect(existsSync(join(project.folder, 'nowhere'))).toBe(false)
  })
})
