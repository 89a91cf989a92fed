import { parentPort, workerData } from 'node:worker_threads'
import { BatchSettler, type StoredBatch, type StoredRules } from './settle.ts'

/** Entry of a thread that reads stored answers, batch by batch, each answered in its turn. */
const port = parentPort
if (!port) throw new Error('stored-worker is the entry of a worker thread')
const settler = BatchSettler.of(workerData as StoredRules)
let turn: Promise<void> = Promise.resolve()

port.on('message', (batch: StoredBatch) => {
  turn = turn.then(async () => {
    const settled = await (await settler).settle(batch)
    port.postMessage(settled, settled ? [settled.pairs.buffer, settled.negatives.buffer] : [])
  })
})
