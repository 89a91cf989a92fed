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
})
