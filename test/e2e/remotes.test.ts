import { readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { newKey, trustKey } from '../../cache/signing.ts'
import { type FakeOpenai, fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { CREDENTIALS, noServer, type S3Server, s3Server } from '../rig/s3-server.ts'
import { SMALL_PROMPT, smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const NODES = 7
const REQUESTS = 40

/** Somebody with a configuration of their own and a checkout of the small project. */
async function person(server: FakeOpenai, remotes: string): Promise<{ project: Project; config: string; key: string }> {
  const home = temporaryFolder()
  const config = join(home, 'queryloom')
  const project = new Project(smallProject(server.url), { ...CREDENTIALS, XDG_CONFIG_HOME: home })
  project.write('queryloom.yaml', remotes)
  const { key } = await newKey('own', config)
  return { project, config, key }
}

async function twoPeople(
  server: FakeOpenai,
  remotes: string,
): Promise<{ ada: Awaited<ReturnType<typeof person>>; ben: Awaited<ReturnType<typeof person>> }> {
  const [ada, ben] = [await person(server, remotes), await person(server, remotes)]
  await trustKey('ada', ada.key, ben.config)
  return { ada, ben }
}

/** Every output of every node, as text by its path. */
function outputs({ folder }: Project): { [path: string]: string } {
  const out = join(folder, 'out/pipeline')
  const found: { [path: string]: string } = {}
  for (const node of readdirSync(out)) {
    const view = join(out, node)
    for (const entry of readdirSync(view, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (statSync(path).isFile()) found[path.slice(out.length)] = readFileSync(path).toString('base64')
    }
  }
  return found
}

function objectsOf(root: string, kind: 'blobs' | 'index' | 'rows'): string[] {
  return readdirSync(join(root, kind), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function lockOf({ folder }: Project): string {
  return readFileSync(join(folder, 'pipeline.lock'), 'utf8')
}

/** Each kind of remote: what is configured, and the folder in which its objects lie as files. */
const PLACES: readonly [string, boolean, () => Promise<{ yaml: string; root: string; s3?: S3Server }>][] = [
  [
    'a folder',
    false,
    async () => {
      const root = temporaryFolder()
      return { yaml: `remotes:\n  lab: { folder: ${root}, write: true, timeout: 60 }\n`, root }
    },
  ],
  [
    'a bucket',
    noServer !== undefined,
    async () => {
      const s3 = await s3Server()
      const { endpoint, bucket, objects } = s3
      const entry = `{ s3: "s3://${bucket}/team/a", endpoint: "${endpoint}", path_style: true, write: true, timeout: 60 }`
      return { yaml: `remotes:\n  lab: ${entry}\n`, root: join(objects, 'team/a'), s3 }
    },
  ],
]

for (const [name, skipped, make] of PLACES) {
  describe.skipIf(skipped)(name, () => {
    let server: FakeOpenai
    let place: Awaited<ReturnType<typeof make>>
    let ada: Awaited<ReturnType<typeof person>>
    let ben: Awaited<ReturnType<typeof person>>
    beforeEach(async () => {
      server = await fakeOpenai(writtenBy)
      place = await make()
      ;({ ada, ben } = await twoPeople(server, place.yaml))
    })

    // What does not depend on the kind of remote is shown once; test/cache/remotes.test.ts has the rest of both.
    const onlyInFolder = test.skipIf(name !== 'a folder')

    /** Ada runs and pushes; the requests are counted anew from then on. */
    const pushed = async (): Promise<void> => {
      const { finished } = await ada.project.run('pipeline.yaml')
      expect(finished).toMatchObject({ status: 'ok', nodes: { executed: NODES }, requests: { sent: REQUESTS } })
      const push = await ada.project.call('push', 'pipeline.yaml')
      expect(push, push.stderr).toMatchObject({ status: 0 })
      expect(push.stdout).toContain(`${NODES} results pushed`)
      server.requests.length = 0
    }

    test('what one has made, another fetches: no node is executed, no request sent, every byte the same', async () => {
      await pushed()
      const { finished, stderr, events } = await ben.project.run('pipeline.yaml')
      expect(finished, stderr).toMatchObject({
        status: 'ok',
        nodes: { executed: 0, fetched: NODES, failed: 0 },
        requests: { sent: 0 },
      })
      expect(server.requests).toHaveLength(0)
      expect(outputs(ben.project)).toEqual(outputs(ada.project))
      expect(lockOf(ben.project)).toBe(lockOf(ada.project))
      expect(events.filter(({ type }) => type === 'warning')).toEqual([])
      const explained = await ben.project.call('explain', 'pipeline.yaml', 'queries')
      expect(explained.stdout).toContain('fetched from remote lab, signed by ada')
      const again = await ben.project.run('pipeline.yaml')
      expect(again.finished.nodes).toMatchObject({ cached: NODES, fetched: 0, executed: 0 })
    })

    onlyInFolder('plan says what would be fetched once the index was synced, and pull fetches it', async () => {
      await pushed()
      type Plan = { totals: { fetch: number; run: number; requests: number } }
      expect((await ben.project.json<Plan>('plan', 'pipeline.yaml')).totals.fetch).toBe(0)
      const asked = await ben.project.json<Plan>('plan', 'pipeline.yaml', '--remote')
      expect(asked.totals).toMatchObject({ fetch: NODES, run: 0, requests: 0 })
      expect((await ben.project.json<Plan>('plan', 'pipeline.yaml')).totals.fetch).toBe(NODES)
      expect((await ben.project.json<Plan>('plan', 'pipeline.yaml', '--no-remote')).totals.fetch).toBe(0)
      const pull = await ben.project.call('pull', 'pipeline.yaml')
      expect(pull, pull.stderr).toMatchObject({ status: 0 })
      const { finished } = await ben.project.run('pipeline.yaml', '--no-remote')
      expect(finished.nodes).toMatchObject({ cached: NODES, executed: 0 })
    })

    onlyInFolder('who needs more pays only for the difference', async () => {
      await pushed()
      ben.project.write('pipeline.yaml', smallPipeline(server.url, { density: 3 }))
      const plan = await ben.project.json<{ totals: object }>('plan', 'pipeline.yaml', '--remote')
      expect(plan.totals).toMatchObject({ requests: 20, cached_requests: REQUESTS })
      const { finished } = await ben.project.run('pipeline.yaml')
      expect(finished).toMatchObject({ status: 'ok', requests: { sent: 20, cached: REQUESTS } })
      expect(server.requests).toHaveLength(20)
    })

    onlyInFolder('another prompt pays for its own requests, and what does not depend on it is fetched', async () => {
      await pushed()
      ben.project.write('prompt.yaml', SMALL_PROMPT.replace('Search query', 'A question'))
      const { finished, executed } = await ben.project.run('pipeline.yaml')
      expect(finished).toMatchObject({ status: 'ok', requests: { sent: REQUESTS }, nodes: { fetched: 1 } })
      expect(executed).not.toContain('passages')
    })

    onlyInFolder(
      'a flipped byte, a truncated object and one that is gone are refused, told, and made anew',
      async () => {
        await pushed()
        const blobs = objectsOf(place.root, 'blobs').filter((path) => statSync(path).size > 64)
        expect(blobs.length).toBeGreaterThan(5)
        for (const [at, path] of blobs.entries()) {
          const bytes = readFileSync(path)
          if (at % 3 === 0) {
            bytes[bytes.length >> 1]! ^= 1
            writeFileSync(path, bytes)
          } else if (at % 3 === 1) truncateSync(path, bytes.length - 7)
          else rmSync(path)
        }
        const { finished, events } = await ben.project.run('pipeline.yaml')
        expect(finished).toMatchObject({ status: 'ok', requests: { sent: 0 } })
        expect(outputs(ben.project)).toEqual(outputs(ada.project))
        const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])).join('\n')
        expect(warnings).toMatch(/is (damaged|missing) there \(sha256:[0-9a-f]{64}\); the result is not used/)
        const repair = await ada.project.call('push', 'pipeline.yaml', '--repair')
        expect(repair, repair.stderr).toMatchObject({ status: 0 })
        rmSync(join(ben.project.folder, '.queryloom'), { recursive: true })
        expect((await ben.project.run('pipeline.yaml')).finished.nodes).toMatchObject({ fetched: NODES, executed: 0 })
      },
    )

    onlyInFolder(
      'a damaged pack of answers or entry of the index gives nothing wrong: the model is asked instead',
      async () => {
        await pushed()
        for (const path of objectsOf(place.root, 'rows')) {
          const bytes = readFileSync(path)
          bytes[bytes.length >> 1]! ^= 1
          writeFileSync(path, bytes)
        }
        ben.project.write('pipeline.yaml', smallPipeline(server.url, { density: 3 }))
        const { finished, events } = await ben.project.run('pipeline.yaml')
        expect(finished).toMatchObject({ status: 'ok', requests: { sent: 60 } })
        expect(JSON.stringify(events)).toContain('a pack of rows is damaged there')
        for (const path of objectsOf(place.root, 'index')) truncateSync(path, statSync(path).size - 1)
        rmSync(join(ben.project.folder, '.queryloom'), { recursive: true })
        ben.project.write('pipeline.yaml', smallPipeline(server.url))
        const second = await ben.project.run('pipeline.yaml')
        expect(second.finished).toMatchObject({ status: 'ok', nodes: { executed: NODES, fetched: 0 } })
        expect(JSON.stringify(second.events)).toContain('is damaged there; not used')
      },
    )

    onlyInFolder(
      'results of a key that is not trusted, or of nobody, are not used, and it is said how to trust it',
      async () => {
        const { project, config } = await person(server, place.yaml)
        await pushed()
        const { finished, events } = await project.run('pipeline.yaml')
        expect(finished.nodes).toMatchObject({ executed: NODES, fetched: 0 })
        expect(JSON.stringify(events)).toContain(`queryloom keys trust NAME ${ada.key}`)
        await trustKey('ada', ada.key, config)
        rmSync(join(project.folder, '.queryloom/actions.log'))
        const trusting = await project.run('pipeline.yaml')
        expect(trusting.finished.nodes).toMatchObject({ executed: 0, fetched: NODES })
      },
    )

    test('a remote that is not there is told once, and the run goes on', async () => {
      await pushed()
      if (place.s3) await place.s3.kill()
      else rmSync(place.root, { recursive: true })
      const { finished, events } = await ben.project.run('pipeline.yaml')
      expect(finished).toMatchObject({ status: 'ok', nodes: { executed: NODES }, requests: { sent: REQUESTS } })
      const warnings = events.filter(({ type }) => type === 'warning')
      expect(warnings).toHaveLength(1)
      expect(JSON.stringify(warnings)).toMatch(/remote lab: .*the work goes on without it/)
    })

    onlyInFolder('twenty who push at once lose nothing, and all of it can be fetched', async () => {
      const others = await Promise.all(
        Array.from({ length: 4 }, async (_, at) => {
          const project = new Project(smallProject(server.url, 12), ada.project.environment)
          project.write('queryloom.yaml', place.yaml)
          project.write('pipeline.yaml', smallPipeline(server.url, { density: at + 1 }))
          await project.run('pipeline.yaml')
          return project
        }),
      )
      for (let round = 0; round < 5; round++) {
        const ends = await Promise.all(others.map((project) => project.call('push', 'pipeline.yaml', '--repair')))
        for (const end of ends) expect(end, end.stderr).toMatchObject({ status: 0 })
      }
      for (const project of others) {
        const before = outputs(project)
        rmSync(join(project.folder, '.queryloom'), { recursive: true })
        rmSync(join(project.folder, 'out'), { recursive: true })
        expect((await project.run('pipeline.yaml')).finished.nodes).toMatchObject({ fetched: NODES, executed: 0 })
        expect(outputs(project)).toEqual(before)
      }
    })

    onlyInFolder('of several results of a key the pinned one is fetched, also in place of another one', async () => {
      const count = join(ada.project.folder, 'COUNT')
      const command = `n=$(cat ${count}); echo $((n+1)) > ${count}; echo $n > o`
      const yaml = `version: 1\nstages:\n  a: { uses: command, with: { run: "${command}", outputs: { o: o } } }\n  b: { uses: command, with: { run: "cat i > o", inputs: { i: "\${stages.a.o}" }, outputs: { o: o } } }\n`
      for (const { project } of [ada, ben]) project.write('pipeline.yaml', yaml)
      const value = ({ folder }: Project): string => readFileSync(join(folder, 'out/pipeline/b/o/o'), 'utf8')
      ada.project.write('COUNT', '1\n')
      await ada.project.run('pipeline.yaml')
      expect((await ada.project.call('push', 'pipeline.yaml')).stdout).toContain('2 results pushed')
      const first = lockOf(ada.project)
      await ada.project.run('pipeline.yaml', '--force', 'a')
      expect((await ada.project.call('push', 'pipeline.yaml')).stdout).toContain('2 results pushed, 0 there before')

      const newest = await ben.project.run('pipeline.yaml')
      expect([newest.finished.nodes, value(ben.project)]).toEqual([
        expect.objectContaining({ fetched: 2, executed: 0 }),
        '2\n',
      ])
      ben.project.write('pipeline.lock', first)
      const pinned = await ben.project.run('pipeline.yaml', '--locked')
      expect([pinned.status, pinned.stderr, value(ben.project)]).toEqual([0, '', '1\n'])
      expect(pinned.finished.nodes).toMatchObject({ fetched: 2, executed: 0 })
      rmSync(join(ben.project.folder, '.queryloom'), { recursive: true })
      const fresh = await ben.project.run('pipeline.yaml', '--locked')
      expect([fresh.finished.nodes, lockOf(ben.project)]).toEqual([
        expect.objectContaining({ fetched: 2, executed: 0 }),
        first,
      ])
    })

    onlyInFolder('answers can be pushed after a collection too', async () => {
      await ada.project.run('pipeline.yaml')
      const long = Date.now() / 1000 - 2 * 3600
      for (const path of objectsOf(join(ada.project.folder, '.queryloom'), 'blobs')) utimesSync(path, long, long)
      const gc = await ada.project.call('cache', 'gc', '--keep-days', '0')
      expect(gc, gc.stderr).toMatchObject({ status: 0 })
      const push = await ada.project.call('push', 'pipeline.yaml')
      expect(push.stderr).toBe('')
      expect(push.stdout).toContain(`${REQUESTS} stored answers sent`)
    })

    onlyInFolder('nothing is pushed to a remote that is read-only, and nothing unsigned', async () => {
      await ada.project.run('pipeline.yaml')
      ada.project.write('queryloom.yaml', place.yaml.replace('write: true', 'write: false'))
      const readOnly = await ada.project.call('push', 'pipeline.yaml')
      expect(readOnly.status).toBe(1)
      expect(readOnly.stderr).toContain('write: true')
      ada.project.write('queryloom.yaml', place.yaml)
      rmSync(join(ada.config, 'keys'), { recursive: true })
      const unsigned = await ada.project.call('push', 'pipeline.yaml')
      expect(unsigned.status).toBe(1)
      expect(unsigned.stderr).toContain('queryloom keys new')
      expect(readOnly.stderr + unsigned.stderr).not.toMatch(/\n {4}at /)
    })
  })
}

describe.skipIf(noServer !== undefined)('a server', () => {
  test('that hangs costs a bounded time, and the run goes on', async () => {
    const server = await fakeOpenai(writtenBy)
    const s3 = await s3Server()
    const yaml = `remotes:\n  lab: { s3: "${s3.bucket}", endpoint: "${s3.endpoint}", path_style: true, write: true, timeout: 60 }\n`
    const { ada, ben } = await twoPeople(server, yaml)
    ben.project.write('queryloom.yaml', yaml.replace('timeout: 60', 'timeout: 0.5'))
    await ada.project.run('pipeline.yaml')
    await ada.project.call('push', 'pipeline.yaml')
    s3.suspend()
    const { finished, events } = await ben.project.run('pipeline.yaml')
    expect(finished).toMatchObject({ status: 'ok', nodes: { executed: NODES } })
    expect(events.filter(({ type }) => type === 'warning')).toHaveLength(1)
    expect(JSON.stringify(events)).toContain('no answer within 0.5 s')
    s3.resume()
    expect((await ada.project.call('push', 'pipeline.yaml')).status).toBe(0)
  })

  test('that refuses the credentials is told with what to do, and no credential is written anywhere', async () => {
    const server = await fakeOpenai(writtenBy)
    const s3 = await s3Server()
    const yaml = `remotes:\n  lab: { s3: "${s3.bucket}", endpoint: "${s3.endpoint}", path_style: true, write: true, timeout: 60 }\n`
    const { project } = await person(server, yaml)
    project.environment.AWS_SECRET_ACCESS_KEY = 'planted-secret-value'
    const { finished, events, stderr } = await project.run('pipeline.yaml')
    expect(finished.status).toBe('ok')
    expect(JSON.stringify(events)).toContain('refuses these credentials')
    const push = await project.call('push', 'pipeline.yaml')
    expect(push.status).toBe(1)
    expect(push.stderr).toContain('refuses these credentials')
    const written = readdirSync(project.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    for (const text of [...written, stderr, push.stderr, JSON.stringify(events)]) {
      expect(text).not.toContain('planted-secret-value')
    }
  })
})
