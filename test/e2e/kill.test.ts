import { createHash } from 'node:crypto'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { holding } from '../rig/holding.ts'
import { ended, Project } from '../rig/project.ts'
import { smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'
import { fileText, gone, interruptAgain } from '../rig/wait-for.ts'

const REQUESTS = 40
const CONCURRENCY = 4

function outputs(project: Project): { [path: string]: string } {
  const read = (path: string): string => readFileSync(join(project.folder, 'out/pipeline', path), 'base64')
  return {
    pairs: read('queries/pairs/pairs.jsonl'),
    training: read('data/training/training.jsonl'),
    model: read('retriever/model/model.safetensors'),
    run: read('scores/run/run.trec'),
    scores: read('scores/scores/scores.json'),
  }
}

for (const [what, kill] of [
  ['the engine alone', (pid: number) => process.kill(pid, 'SIGKILL')],
  ['its whole group', (pid: number) => process.kill(-pid, 'SIGKILL')],
] as const) {
  test(`SIGKILL of ${what} in the middle of generate: one pass is paid, and the bytes are those of a calm run`, async () => {
    const { server, held, release } = await holding(15, CONCURRENCY)
    const project = new Project(smallProject(server.url))
    const first = project.start('run', 'pipeline.yaml', '--json')
    const end = ended(first)
    await held
    kill(first.pid as number)
    expect((await end).status).toBeNull()
    release()
    const second = await project.run('pipeline.yaml')
    expect(second.finished).toMatchObject({ status: 'ok', requests: { failed: 0 } })
    expect(server.requests.length).toBeLessThanOrEqual(REQUESTS + CONCURRENCY)
    expect(second.finished.requests.sent).toBe(server.requests.length - 14 - CONCURRENCY)

    const calmServer = await fakeOpenai(writtenBy)
    const calm = new Project(smallProject(calmServer.url))
    await calm.run('pipeline.yaml')
    expect(outputs(project)).toEqual(outputs(calm))
  })
}

test('the first Ctrl-C lets what is in flight finish and keeps it; exit status 130', async () => {
  const { server, held, release } = await holding(15, CONCURRENCY)
  const project = new Project(smallProject(server.url))
  const first = project.start('run', 'pipeline.yaml', '--plain')
  const end = ended(first)
  const taken = new Promise<void>((resolve) => {
    first.stderr?.on('data', (text: string) => text.includes('stopping') && resolve())
  })
  await held
  first.kill('SIGINT')
  await taken
  release()
  const { status, stderr } = await end
  expect(status).toBe(130)
  expect(stderr).toContain(`${14 + CONCURRENCY} requests sent`)
  const second = await project.run('pipeline.yaml')
  expect(second.finished.requests).toMatchObject({ sent: REQUESTS - 14 - CONCURRENCY, cached: 14 + CONCURRENCY })
  expect(server.requests.length).toBe(REQUESTS)
})

test('the second Ctrl-C ends at once', async () => {
  const { held, server } = await holding(1, CONCURRENCY)
  const project = new Project(smallProject(server.url))
  const first = project.start('run', 'pipeline.yaml')
  const end = ended(first)
  const taken = new Promise<void>((resolve) => {
    first.stderr?.on('data', (text: string) => text.includes('stopping') && resolve())
  })
  await held
  first.kill('SIGINT')
  await taken
  await interruptAgain(first)
  expect((await end).status).toBe(130)
})

/** Stands in for llama-server: notes its pid at the first request, and answers once the file `go` is there. */
const HOLDING_SERVER = `#!${process.execPath}
const { existsSync, writeFileSync } = require('node:fs')
const flag = (name) => process.argv[process.argv.indexOf(name) + 1]
require('node:http').createServer((request, response) => {
  if (request.url !== '/v1/completions') return response.end('{"status":"ok"}')
  if (!existsSync('go')) return writeFileSync('server.pid', String(process.pid))
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices: [{ index: 0, text: ' which harbour opens before dawn', finish_reason: 'stop' }] }))
}).listen(Number(flag('--port')), flag('--host'))
`

test('SIGKILL of the engine leaves no server behind, and the next run starts its own and ends it', async () => {
  const digest = createHash('sha256').update('weights').digest('hex')
  const project = new Project({ ...smallProject('unused'), 'model.gguf': 'weights', 'serve.cjs': HOLDING_SERVER })
  chmodSync(join(project.folder, 'serve.cjs'), 0o755)
  const block = `writer: { serve: llama.cpp, source: model.gguf, sha256: ${digest}, binary: ./serve.cjs, slots: 2 }`
  project.write('pipeline.yaml', smallPipeline('unused').replace(/writer: .*/, block))
  const first = project.start('run', 'pipeline.yaml', '--json')
  const end = ended(first)
  const server = Number(await fileText(join(project.folder, 'server.pid')))
  first.kill('SIGKILL')
  await end
  await gone(server)

  project.write('go', '')
  const second = await project.run('pipeline.yaml')
  expect(second.finished).toMatchObject({ status: 'ok', nodes: { executed: 6, cached: 1 } })
  const started = second.events.filter(({ type }) => type === 'server-started' || type === 'server-stopped')
  expect(started.map(({ type }) => type)).toEqual(['server-started', 'server-stopped'])
})
