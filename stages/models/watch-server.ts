import { setTimeout as wait } from 'node:timers/promises'
import { logEnd, logSize, logTail } from '../../engine/util/log-tail.ts'
import { type LeaseModel, type ProcessRequest, type ProcessResult, type RunningProcess, StageError } from '../define.ts'
import { memoryTrouble, reduced } from './memory-trouble.ts'
import { probe, waitUntil } from './probe.ts'
import type { Capacity } from './server-program.ts'

/** A server process that is kept alive. */
export interface WatchedServer {
  /** What it takes on by now. */
  readonly capacity: Capacity
  /** Resolves when the server answers; rejects with a StageError when it can't be had any more. */
  recovered(): Promise<void>
  stop(): Promise<void>
}

/** A living server that has not answered for so long is started anew. */
const HUNG_MS = 60_000
/** Deaths after which the server is given up, unless it had lived for `LONG_LIFE_MS` in between. */
const MOST_RESTARTS = 5
const LONG_LIFE_MS = 10 * 60_000
/** Where servers say that memory ran out, more lines follow. */
const LOOKED_AT = 64 * 1024
const TELL_MS = 1000

/**
 * Starts a server and waits until it answers with its key; when it dies, starts it again after a back-off (0.5 s,
 * doubling), at most five times. One that ran out of memory is started again with less to do at once, and a warning. A
 * server that does not start is a StageError with the last lines of its log.
 */
export async function watchServer(options: {
  title: string
  log: string
  launch(capacity: Capacity): ProcessRequest
  capacity: Capacity
  /** A context that somebody wrote is kept. */
  isContextWritten: boolean
  /** Without a path. */
  url: string
  apiKey: string
  services: Pick<Parameters<LeaseModel>[1], 'processes' | 'signal' | 'onEvent' | 'tell'>
  startMs: number
  hungMs?: number
  backoffMs?: (restarts: number) => number
}): Promise<WatchedServer> {
  const { title, log, url, apiKey, services, startMs } = options
  const { processes, signal, onEvent, tell } = services
  const backoff = options.backoffMs ?? ((restarts) => 500 * 2 ** restarts)
  const ending = new AbortController()
  const stopped = AbortSignal.any([signal, ending.signal])
  let { capacity } = options
  let running: RunningProcess | undefined
  let alive: Promise<void> | undefined
  let isToEnd = false
  /** Whether the last process ended before it was told to. */
  let endedByItself = false
  let startedAt = 0
  let logFrom = 0
  let restarts = 0

  const answers = async (): Promise<boolean> =>
    // Health is told to anybody; only our own server knows the key, were the port taken by another.
    (await probe(`${url}/health`, { signal: stopped })) === 200 &&
    (await probe(`${url}/v1/models`, { apiKey, signal: stopped })) === 200

  const reduceIfShort = async (process_: RunningProcess): Promise<boolean> => {
    const ended = await process_.ended.catch((): ProcessResult => ({ exitCode: null, signal: null, timedOut: false }))
    const text = logEnd(log, logFrom, LOOKED_AT)
    const memory = memoryTrouble(text, endedByItself ? ended : undefined)
    const less = memory && reduced(memory, capacity, text, options.isContextWritten)
    if (!less) return false
    capacity = less.capacity
    onEvent({ type: 'warning', note: `the ${title} ${less.note}` })
    return true
  }

  const startOnce = async (): Promise<StageError | undefined> => {
    logFrom = logSize(log)
    const process_ = processes.start(options.launch(capacity))
    running = process_
    startedAt = performance.now()
    let over = false
    isToEnd = false
    endedByItself = false
    const markOver = (): void => {
      over = true
      if (running === process_) endedByItself = !isToEnd
    }
    process_.ended.then(markOver, markOver)
    let ready = false
    const telling = setInterval(() => {
      tell?.(`the ${title} is loading: ${Math.round((performance.now() - startedAt) / 1000)} s`)
    }, TELL_MS)
    await waitUntil(
      async () => {
        ready = !over && (await answers())
        return ready || over
      },
      { withinMs: startMs, everyMs: 100, signal: stopped },
    )
    clearInterval(telling)
    tell?.(undefined)
    if (ready) return void onEvent({ type: 'server-started', note: title })
    const ended = over
    const how = ended ? await howItEnded(process_) : `did not answer within ${startMs / 1000} s`
    isToEnd = true
    await process_.stop()
    stopped.throwIfAborted()
    const tail = logTail(log, logFrom)
    return new StageError(`the ${title} did not start: it ${how}`, {
      where: log,
      tail,
      advice: adviceFor(tail, ended),
      transient: true,
    })
  }

  const start = async (): Promise<void> => {
    for (;;) {
      const error = await startOnce()
      if (!error) return
      if (!(await reduceIfShort(running!))) throw error
    }
  }

  const restart = async (): Promise<void> => {
    const isReduced = await reduceIfShort(running!)
    for (let first = true; ; first = false) {
      if (performance.now() - startedAt > LONG_LIFE_MS) restarts = 0
      if (restarts >= MOST_RESTARTS) {
        throw new StageError(`the ${title} died ${restarts + 1} times`, {
          where: log,
          tail: logTail(log),
          advice: 'The last lines of its log say why. Every answer so far is kept.',
          transient: true,
        })
      }
      if (!isReduced || !first) onEvent({ type: 'warning', note: `the ${title} died; starting it again` })
      await wait(backoff(restarts++), undefined, { signal: stopped }).catch(() => {})
      stopped.throwIfAborted()
      try {
        return await start()
      } catch (error) {
        if (!(error instanceof StageError) || restarts >= MOST_RESTARTS) throw error
      }
    }
  }

  const recover = async (): Promise<void> => {
    stopped.throwIfAborted()
    const process_ = running!
    const over = process_.ended.then(
      () => true,
      () => true,
    )
    // A broken connection may come before the news of the death: whichever is sure first decides.
    const answering = waitUntil(answers, { withinMs: options.hungMs ?? HUNG_MS, everyMs: 200, signal: stopped })
    const dead = await Promise.race([over, answering.then((back) => !back)])
    stopped.throwIfAborted()
    if (!dead) return
    isToEnd = true
    await process_.stop()
    await restart()
  }

  await start()
  return {
    get capacity() {
      return capacity
    },
    recovered() {
      alive ??= recover().finally(() => {
        alive = undefined
      })
      return alive
    },
    async stop() {
      isToEnd = true
      ending.abort(new StageError(`the ${title} was stopped`))
      await running?.stop()
      onEvent({ type: 'server-stopped', note: title })
    },
  }
}

function adviceFor(tail: string, ended: boolean): string {
  if (tail.includes('libgomp')) return 'Install the OpenMP library that llama.cpp needs: `apt install libgomp1`.'
  if (!ended) return 'If it needs longer to load its model, raise `start_timeout` of the model.'
  return 'The last lines of its log say why; often `context` or `slots` need more memory than there is.'
}

async function howItEnded(process_: RunningProcess): Promise<string> {
  try {
    const { exitCode, signal } = await process_.ended
    return signal === null ? `ended with exit status ${exitCode}` : `was ended by ${signal}`
  } catch (error) {
    return (error as Error).message
  }
}
