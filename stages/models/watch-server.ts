import { setTimeout as wait } from 'node:timers/promises'
import { logSize, logTail } from '../../engine/util/log-tail.ts'
import { type LeaseModel, type ProcessRequest, type RunningProcess, StageError } from '../define.ts'
import { probe, waitUntil } from './probe.ts'

/** A server process that is kept alive. */
export interface WatchedServer {
  /** Resolves when the server answers; rejects with a StageError when it can't be had any more. */
  recovered(): Promise<void>
  stop(): Promise<void>
}

/** Loading a large model from a slow disk takes minutes. */
const START_MS = 10 * 60_000
/** A living server that has not answered for so long is started anew. */
const HUNG_MS = 60_000
/** Deaths after which the server is given up, unless it had lived for `LONG_LIFE_MS` in between. */
const MOST_RESTARTS = 5
const LONG_LIFE_MS = 10 * 60_000

/**
 * Starts a server and waits until it answers with its key; when it dies, starts it again after a back-off (0.5 s,
 * doubling), at most five times. A server that does not start is a StageError with the last lines of its log.
 */
export async function watchServer(options: {
  request: ProcessRequest
  /** Without a path. */
  url: string
  apiKey: string
  name: string
  services: Pick<Parameters<LeaseModel>[1], 'processes' | 'signal' | 'onEvent'>
  startMs?: number
  hungMs?: number
  backoffMs?: (restarts: number) => number
}): Promise<WatchedServer> {
  const { request, url, apiKey, services } = options
  const { processes, signal, onEvent } = services
  const backoff = options.backoffMs ?? ((restarts) => 500 * 2 ** restarts)
  const ending = new AbortController()
  const stopped = AbortSignal.any([signal, ending.signal])
  let running: RunningProcess | undefined
  let alive: Promise<void> | undefined
  let startedAt = 0
  let restarts = 0

  const answers = async (): Promise<boolean> =>
    // Health is told to anybody; only our own server knows the key, were the port taken by another.
    (await probe(`${url}/health`, { signal: stopped })) === 200 &&
    (await probe(`${url}/v1/models`, { apiKey, signal: stopped })) === 200

  const start = async (): Promise<void> => {
    const from = logSize(request.log)
    const process_ = processes.start(request)
    running = process_
    startedAt = performance.now()
    let over = false
    const markOver = (): void => {
      over = true
    }
    process_.ended.then(markOver, markOver)
    let ready = false
    await waitUntil(
      async () => {
        ready = !over && (await answers())
        return ready || over
      },
      { withinMs: options.startMs ?? START_MS, everyMs: 100, signal: stopped },
    )
    if (ready) return onEvent({ type: 'server-started', note: request.title })
    const how = over ? await howItEnded(process_) : `did not answer within ${(options.startMs ?? START_MS) / 1000} s`
    await process_.stop()
    stopped.throwIfAborted()
    const tail = logTail(request.log, from)
    throw new StageError(`the ${request.title} did not start: it ${how}`, {
      where: request.log,
      tail,
      advice: tail.includes('libgomp')
        ? 'Install the OpenMP library that llama.cpp needs: `apt install libgomp1`.'
        : 'The last lines of its log say why; often `context` or `slots` need more memory than there is.',
      transient: true,
    })
  }

  const restart = async (): Promise<void> => {
    for (;;) {
      if (performance.now() - startedAt > LONG_LIFE_MS) restarts = 0
      if (restarts >= MOST_RESTARTS) {
        throw new StageError(`the ${request.title} died ${restarts + 1} times`, {
          where: request.log,
          tail: logTail(request.log),
          advice: 'The last lines of its log say why. Every answer so far is kept.',
          transient: true,
        })
      }
      onEvent({ type: 'warning', note: `the ${request.title} died; starting it again` })
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
    await process_.stop()
    await restart()
  }

  await start()
  return {
    recovered() {
      alive ??= recover().finally(() => {
        alive = undefined
      })
      return alive
    },
    async stop() {
      ending.abort(new StageError(`the ${request.title} was stopped`))
      await running?.stop()
      onEvent({ type: 'server-stopped', note: request.title })
    },
  }
}

async function howItEnded(process_: RunningProcess): Promise<string> {
  try {
    const { exitCode, signal } = await process_.ended
    return signal === null ? `ended with exit status ${exitCode}` : `was ended by ${signal}`
  } catch (error) {
    return (error as Error).message
  }
}
