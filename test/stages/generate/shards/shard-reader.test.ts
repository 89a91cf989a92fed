import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type RowKey, sha256 } from '../../../../cache/digest.ts'
import { jobFolder } from '../../../../engine/run/jobs/job-folder.ts'
import { type AnswerLine, answerText } from '../../../../stages/generate/shards/answer-line.ts'
import { answersPath, keyEntry, keysPath, markOf } from '../../../../stages/generate/shards/shard-folder.ts'
import { ShardReader } from '../../../../stages/generate/shards/shard-reader.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'

/** A shard of two rows, and what is sent by the lines that are told of. */
function shard() {
  const folders = jobFolder(temporaryFolder())
  mkdirSync(folders.task(0), { recursive: true })
  const keys = [0, 1].map((row): RowKey => sha256(`row ${row}`))
  writeFileSync(keysPath(folders.task(0)), Buffer.concat(keys.map((key, row) => keyEntry(key, `request ${row}`))))
  const reader = new ShardReader(folders, 0, 2)
  const told = { answers: [] as unknown[], sent: 0 }
  const count = ({ report, taken }: AnswerLine, isFirst: boolean): void => {
    if (isFirst || !taken) told.sent += report.sent ?? 0
  }
  return {
    told,
    /** Writes an attempt's answer to a row; `text` tells who asked for it. */
    write(attempt: string, row: number, text: string, taken?: true): void {
      const folder = join(folders.task(0), 'attempts', attempt)
      mkdirSync(folder, { recursive: true })
      const answer = { key: keys[row]!, line: row, mark: markOf(`request ${row}`), report: { sent: 1 } }
      const line = { ...answer, outcome: { row: { answer: { text }, provenance: {} } } }
      appendFileSync(answersPath(folder), answerText(taken ? { ...line, taken } : line))
    },
    read: () =>
      reader.read({
        answered: async (line) => {
          told.answers.push(line.outcome)
          count(line, true)
        },
        failed: () => {},
        repeated: (line) => count(line, false),
        refused: (reason) => expect.unreachable(reason),
      }),
  }
}

const answerOf = (text: string): object => ({ row: { answer: { text }, provenance: {} } })

test('what one attempt took over from another was sent once, whichever of the two is read first', async () => {
  const inOrder = shard()
  inOrder.write('a', 0, 'of a')
  await inOrder.read()
  inOrder.write('b', 0, 'of a', true)
  await inOrder.read()
  expect(inOrder.told).toEqual({ answers: [answerOf('of a')], sent: 1 })

  const copyFirst = shard()
  copyFirst.write('b', 0, 'of a', true)
  await copyFirst.read()
  copyFirst.write('a', 0, 'of a')
  copyFirst.write('a', 1, 'of a')
  copyFirst.write('b', 1, 'of b')
  await copyFirst.read()
  expect(copyFirst.told).toEqual({ answers: [answerOf('of a'), answerOf('of a')], sent: 3 })
})
