import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openRowStore } from '../../../../cache/row-store.ts'
import { Children } from '../../../../engine/run/children.ts'
import { LocalExecutor } from '../../../../engine/run/jobs/local-executor.ts'
import { taskArrays } from '../../../../engine/run/jobs/task-arrays.ts'
import { localProcesses } from '../../../../engine/run/local-processes.ts'
import { packageRoot } from '../../../../engine/util/package-root.ts'
import type { StageInput, TaskArrays } from '../../../../stages/define.ts'
import { generate } from '../../../../stages/generate/stage.ts'
import { artifactInput, runStage, type StageResult } from '../../../rig/stage.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { isAlive, waitFor } from '../../../rig/wait-for.ts'
import { countInto, passages, promptInput } from '../setup.ts'

// Tasks as processes of their own, each with a server of its own: a stand-in for vLLM that notes what it is asked.

interface Asked {
  asked: string
  seed: number
  pid: number
}

/** A node on arrays of real tasks. */
async function processBench(options: { holdAfter?: number } = {}) {
  const home = temporaryFolder()
  const log = join(home, 'requests.log')
  writeFileSync(join(home, 'weights'), 'weights')
  const children = new Children(home, 'test')
  onTestFinished(() => children.close())
  const executor = new LocalExecutor({ processes: await localProcesses({ temporary: home, children }), cpus: 4 })
  onTestFinished(() => executor.close())
  const folder = join(home, 'shards')
  const arrays = taskArrays({
    executor,
    node: { stage: 'queries', passEnv: [], definition: generate, retry: { attempts: 1, backoffMs: 0 } },
    folder: home,
    tasks: 4,
    resources: { cpus: 1, memory: 0 },
    leave: () => false,
    signal: new AbortController().signal,
  })
  const rows = openRowStore(join(home, 'rows'))
  onTestFinished(() => rows.close())
  const binary = join(packageRoot, 'test/stages/models/fake-server.mjs')
  const gate = join(home, 'gate')
  const holds = options.holdAfter === undefined ? {} : { 'hold-after': options.holdAfter, gate }
  const args = { 'request-log': log, ...holds }
  const model = { serve: 'vllm', source: 'weights', binary, gpus: 0, slots: 4, args }
  const llm: StageInput = { type: 'llm', name: 'big', model, folder: home, identity: { served: 'fake' } }
  const requests = { sent: 0, cached: 0, failed: 0 }
  return {
    folder,
    requests,
    /** Lets servers answer what they hold. */
    open: () => writeFileSync(gate, ''),
    /** Of lines that are written to their end. */
    asked: (): Asked[] => {
      const lines = readFileSync(log, { encoding: 'utf8', flag: 'a+' }).split('\n')
      return lines.slice(0, -1).map((line) => JSON.parse(line))
    },
    run: (count: number, changed: Partial<TaskArrays> = {}): Promise<StageResult> => {
      Object.assign(requests, { sent: 0, cached: 0, failed: 0 })
      const inputs = {
        passages: artifactInput('passages', { 'passages.jsonl': passages(count) }),
        model: llm,
        prompt: promptInput('{mode: completion, user: "Passage: {{text}}\\nQuery:"}'),
      }
      const marked = { passages: { $input: 'passages' }, model: { $input: 'model' }, prompt: { $input: 'prompt' } }
      return runStage(generate as never, marked, inputs, {
        rows,
        arrays: { ...arrays, ...changed },
        models: { use: () => Promise.reject(new Error('no server is started where tasks are')) },
        drain: new AbortController().signal,
        count: countInto(requests),
      })
    },
  }
}

/** Processes of tasks: those whose command line names the entry and the array's folder. */
function taskProcesses(folder: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8')
      return words.includes('stage-task.js') && words.includes(folder) && !words.includes('/bin/sh') ? Number(name) : []
    } catch {
      return []
    }
  })
}

test('tasks are processes with a server each, and all of them end with the node', async () => {
  const made = await processBench()
  const { summary } = await made.run(128)
  expect(summary.counts).toMatchObject({ pairs: 128, failed: 0 })
  const asked = made.asked()
  expect(asked).toHaveLength(128)
  expect(new Set(asked.map(({ pid }) => pid)).size).toBe(4)
  expect(made.requests).toEqual({ sent: 128, cached: 0, failed: 0 })
  expect(taskProcesses(made.folder)).toEqual([])
  expect([...new Set(asked.map(({ pid }) => pid))].filter(isAlive)).toEqual([])
})

test('a task that is killed is run again for the rows that it had no answer to', async () => {
  const made = await processBench({ holdAfter: 15 })
  const running = made.run(160)
  // Each of the four has answered so many, and holds as many as it has slots.
  await waitFor(() => made.asked().length === 4 * (15 + 4))
  const [victim] = taskProcesses(made.folder)
  process.kill(victim as number, 'SIGKILL')
  made.open()
  const { summary } = await running
  expect(summary.counts).toMatchObject({ pairs: 160, failed: 0 })
  expect(summary.warnings?.join()).toMatch(/task \d of generate was ended by signal 9.*submitted again/)
  const asked = made.asked()
  // Four slots: no more can have been in flight.
  expect(asked.length).toBeLessThanOrEqual(164)
  expect(new Set(asked.map((one) => one.asked)).size).toBe(160)
})
