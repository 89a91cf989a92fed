import { parentPort } from 'node:worker_threads'
import { serveStages } from '../../../dist/engine/run/stage-port.js'

const settings = { concurrency: 2, retries: 0, request_timeout: 1 }

serveStages(parentPort, {
  asking: {
    async run(context) {
      const { requests } = context.options
      const [first, second] = await Promise.all([
        context.ask('model', requests, settings),
        context.ask('model', requests.slice(0, 1), settings),
      ])
      return { counts: { first: first.length, second: second.length }, details: first[0] }
    },
  },
  // Stops when it is asked to, or, being in the midst of something, only when that is done.
  working: {
    async run({ options, drain, progress }) {
      progress(1)
      await new Promise((resolve) => {
        if (options.done) Atomics.waitAsync(options.done, 0, 0).value.then(resolve)
        else drain.addEventListener('abort', resolve, { once: true })
      })
      drain.throwIfAborted()
      return { counts: {} }
    },
  },
})
