import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ActionRecord, RecordedFile } from '../../../cache/action-record.ts'
import { artifactDigest } from '../../../cache/artifact.ts'
import { hexOf } from '../../../cache/digest.ts'
import { FILES } from '../../../stages/data/rows.ts'
import { Project } from '../../rig/project.ts'
import { runHere } from '../../rig/run-here.ts'
import { smallProject } from '../../rig/small-project.ts'

const files = (): { [path: string]: string } => ({
  ...smallProject('http://127.0.0.1:9/v1'),
  'pipeline.yaml': `version: 1
name: small
datasets: { d: { source: data } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", strategy: all } }
  queries: { uses: generate, with: { passages: "\${stages.passages.passages}", crop: { min_words: 2, max_words: 4 } } }
`,
})

/** The passages of a project, and where they lie in its store. */
function passagesOf(folder: string, record: ActionRecord | undefined): { file: RecordedFile; location: string } {
  const file = record!.outputs.passages!.files.find(({ path }) => path === FILES.passages)!
  const hex = hexOf(file.blob)
  return { file, location: join(folder, '.queryloom/blobs', hex.slice(0, 2), hex.slice(2)) }
}

test('passages that a node passes on are those of its input, and lie in the store once', async () => {
  const { folder } = new Project(files())
  const { records } = await runHere(folder)
  const { pairs } = records.queries!.outputs
  const { file, location } = passagesOf(folder, records.passages)
  expect(pairs?.files.map(({ path }) => path)).toEqual(['manifest.json', FILES.pairs, FILES.passages])
  expect(pairs?.files.at(-1)).toEqual(file)
  expect(pairs?.digest).toBe(artifactDigest(pairs!.files))
  expect(readFileSync(location, 'utf8').split('\n').length).toBe(41)
})

test('a node whose input is changed before it passes it on fails, and nothing is recorded', async () => {
  const { folder } = new Project(files())
  const first = await runHere(folder)
  const { location } = passagesOf(folder, first.records.passages)
  const good = readFileSync(location)
  const pipeline = files()['pipeline.yaml']!.replace('max_words: 4', 'max_words: 6')
  writeFileSync(join(folder, 'pipeline.yaml'), pipeline)
  const second = await runHere(folder, {
    onEvent(event) {
      if (event.type !== 'node-started' || event.node !== 'queries') return
      // One letter of a text, as a person with an editor would change it.
      const { atime, mtime } = statSync(location)
      chmodSync(location, 0o644)
      writeFileSync(location, good.toString('utf8').replace('harbour number 0', 'Harbour number 0'))
      chmodSync(location, 0o444)
      utimesSync(location, atime, mtime)
    },
  })
  expect(second.failed).toEqual(['queries'])
  expect(second.events.find(({ type }) => type === 'node-failed')).toMatchObject({
    failure: { message: 'input passages.jsonl changed while queries was running' },
  })
  const third = await runHere(folder)
  expect(third.executed.sort()).toEqual(['passages', 'queries'])
  expect(readFileSync(location).equals(good)).toBe(true)
})
