import { parentPort, workerData } from 'node:worker_threads'
import { dispatchPoster, type Posted, type PostTarget } from './poster.ts'

/** Texts to be posted, each with a number by which its outcome is told. */
export type Postings = { number: number; path: string; body: string }[]
/** What became of some of them. */
export type Outcomes = { number: number; posted: Posted }[]

/** Entry of a thread that posts what it is given; outcomes that come together are told together. */
const port = parentPort
if (!port) throw new Error('sending-worker is the entry of a worker thread')
const poster = dispatchPoster(workerData as PostTarget)
// Who interrupts ends the thread.
const { signal } = new AbortController()
let outcomes: Outcomes = []

const tell = (): void => {
  port.postMessage(outcomes)
  outcomes = []
}

port.on('message', (postings: Postings) => {
  for (const { number, path, body } of postings)
    void poster.post(path, body, signal).then((posted) => {
      if (outcomes.push({ number, posted }) === 1) setImmediate(tell)
    })
})
