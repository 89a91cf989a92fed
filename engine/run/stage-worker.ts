import { parentPort } from 'node:worker_threads'
import type { StageDefinition } from '../../stages/define.ts'
import { registry } from '../../stages/registry.ts'
import { type FromStage, sendError, type ToStage } from './stage-message.ts'

/** Entry of a worker thread: runs one stage at a time, as told by messages. */
const port = parentPort
if (!port) throw new Error('stage-worker is the entry of a worker thread')

let abort = new AbortController()

port.on('message', (message: ToStage) => {
  if (message.type === 'abort') abort.abort(new Error('interrupted'))
  else void run(message)
})

async function run({ stage, data }: Extract<ToStage, { type: 'run' }>): Promise<void> {
  abort = new AbortController()
  try {
    const definition = registry.stages[stage] as StageDefinition<unknown>
    const summary = await definition.run({
      ...data,
      progress: (done, total, note) =>
        say({
          type: 'progress',
          done,
          ...(total === undefined ? {} : { total }),
          ...(note === undefined ? {} : { note }),
        }),
      signal: abort.signal,
    })
    say({ type: 'finished', summary })
  } catch (error) {
    say({ type: 'failed', error: sendError(error) })
  }
}

function say(message: FromStage): void {
  port?.postMessage(message)
}
