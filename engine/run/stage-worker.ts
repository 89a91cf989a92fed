import { parentPort } from 'node:worker_threads'
import { registry } from '../../stages/registry.ts'
import { serveStages } from './stage-port.ts'

/** Entry of a worker thread. */
if (!parentPort) throw new Error('stage-worker is the entry of a worker thread')
serveStages(parentPort, registry.stages)
