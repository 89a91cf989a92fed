import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { writeBundle } from '../../../cache/bundle/write-bundle.ts'
import { importBundle } from '../../../engine/share/import-bundle.ts'
import { fakeOpenai } from '../../rig/fake-openai.ts'
import { runHere } from '../../rig/run-here.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

test('however a run is started, an imported pipeline that is not trusted starts and contacts nothing', async () => {
  const root = temporaryFolder()
  vi.stubEnv('XDG_CONFIG_HOME', join(root, 'config'))
  const server = await fakeOpenai(() => ({ answer: 'a question' }))
  const canary = join(root, 'canary')
  const files = {
    'pipeline.yaml': `version: 1
datasets: { d: { source: corpus.jsonl } }
models: { m: { endpoint: "${server.url}", model: m } }
stages:
  evil: { uses: command, with: { run: "echo > ${canary}; echo > o", outputs: { o: o } } }
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", fraction: 1 } }
  asking: { uses: generate, with: { passages: "\${stages.passages.passages}", model: "\${models.m}", prompt: p.yaml } }
`,
    'p.yaml': 'mode: completion\nuser: "{{passage}}"\n',
    'corpus.jsonl': '{"_id":"a","text":"some text"}\n',
  }
  const sources = Object.entries(files).map(([path, text], at) => {
    const location = join(root, `source-${at}`)
    writeFileSync(location, text)
    return { path, location, executable: false }
  })
  await writeBundle(join(root, 'x.qlb'), { pipeline: 'pipeline.yaml', files: sources, blobs: [] })
  await importBundle(join(root, 'x.qlb'), join(root, 'got'), { limits: { bytes: 1 << 20 }, unsigned: true })
  const { failed, events, finished } = await runHere(join(root, 'got'))
  expect(failed).toEqual(['asking', 'evil'])
  const told = events.flatMap((event) => (event.type === 'node-failed' ? [event.failure] : []))
  for (const { message, advice, bug } of told) {
    expect(message).toContain('is not trusted')
    expect(advice).toContain('queryloom trust')
    expect(bug).toBeUndefined()
  }
  expect(server.requests).toEqual([])
  expect(finished.children).toBe(0)
  expect(existsSync(canary)).toBe(false)
})
