import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { fakeHub } from '../rig/fake-hub.ts'
import { Project } from '../rig/project.ts'
import { SMALL_PROMPT, smallProject } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

test('a model of a hub is fetched when its queries are asked for, once, and served', async () => {
  const hub = await fakeHub({ 'config.json': '{}', 'model.safetensors': 'weights', 'remote.py': 'no' })
  const { 'pipeline.yaml': _, ...files } = smallProject('http://127.0.0.1:9/v1', 8)
  const pipeline = `version: 1
datasets: { d: { source: data } }
models:
  writer:
    serve: vllm
    source: hf:owner/name@${'0123456789'.repeat(4)}
    binary: ${join(packageRoot, 'test/stages/models/fake-server.mjs')}
    gpus: 0
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", strategy: all } }
  queries: { uses: generate, with: { passages: "\${stages.passages.passages}", model: "\${models.writer}", prompt: prompt.yaml } }
`
  const environment = { HF_ENDPOINT: hub.url, XDG_CACHE_HOME: temporaryFolder() }
  const project = new Project({ ...files, 'pipeline.yaml': pipeline }, environment)
  const first = await project.run('pipeline.yaml')
  expect(first.stderr).toBe('')
  expect(first.finished).toMatchObject({ status: 'ok', requests: { sent: 8, failed: 0 } })
  expect(hub.seen.filter((path) => path.includes('/resolve/'))).toHaveLength(2)

  const asked = hub.seen.length
  project.write('prompt.yaml', SMALL_PROMPT.replace('Search query', 'Question'))
  expect((await project.run('pipeline.yaml')).finished).toMatchObject({ status: 'ok', requests: { sent: 8 } })
  expect(hub.seen).toHaveLength(asked)
})
