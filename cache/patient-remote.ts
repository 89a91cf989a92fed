import { setTimeout as wait } from 'node:timers/promises'
import { type Remote, RemoteError, type RemoteSource, sizeOf } from './remote.ts'

/** How long a remote is waited for. */
export interface Patience {
  /** Silence after which an attempt is given up, in milliseconds. */
  timeoutMs: number
  /** Attempts at each thing; default 4. */
  attempts?: number
  /** Ends everything. */
  signal?: AbortSignal
  /** From 0 to below 1; default Math.random. */
  random?: () => number
}

/** A remote that never waits without an end. */
export interface PatientRemote {
  /** Why it is not asked any more, once it was given up. */
  readonly dead: RemoteError | undefined
  size(name: string): Promise<number | undefined>
  /** The stream goes on where the connection was cut. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | undefined>
  put(name: string, source: RemoteSource, options?: { replace?: boolean }): Promise<'stored' | 'there'>
  list(prefix: string): Promise<string[]>
  close(): void
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2000
/** Even a slow line carries that much: bytes a millisecond of an upload that shows no progress. */
const SLOWEST = 64
const PIECE = 1 << 26

/**
 * Asks a remote with patience: attempts that fail in passing are repeated after pauses that grow and are drawn at
 * random. Once the attempts are used up, every later call fails at once with the same error, so that a dead remote
 * costs its time once.
 */
export function patientRemote(remote: Remote, patience: Patience): PatientRemote {
  const { timeoutMs, attempts = 4, random = Math.random } = patience
  let dead: RemoteError | undefined

  /** Returns after the pause before another attempt; throws if none is worth it. */
  const again = async (error: unknown, tried: number): Promise<void> => {
    patience.signal?.throwIfAborted()
    if (!(error instanceof RemoteError)) throw error
    if (error.problem !== 'unreachable' || tried >= attempts) {
      if (error.problem !== 'full' && error.problem !== 'broken') dead ??= error
      throw error
    }
    const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tried)
    await wait(random() * most, undefined, patience.signal ? { signal: patience.signal } : {})
  }

  const trying = async <Result>(work: (watch: Watch) => Promise<Result>, allowMs = timeoutMs): Promise<Result> => {
    for (let tried = 1; ; tried++) {
      if (dead) throw dead
      const watch = new Watch(allowMs, patience.signal)
      try {
        return await work(watch)
      } catch (error) {
        await again(watch.failure ?? error, tried)
      } finally {
        watch.end()
      }
    }
  }

  async function* stream(name: string, first: Opened): AsyncGenerator<Uint8Array> {
    let at = 0
    let tried = 1
    let opened: Opened | undefined = first
    for (;;) {
      try {
        opened ??= await open(name, at)
        if (!opened) throw new RemoteError('broken', `${name} vanished while it was read`)
        for await (const piece of opened.pieces) {
          opened.watch.end()
          at += piece.byteLength
          tried = 1
          yield piece
          opened.watch.alive()
        }
        return
      } catch (error) {
        await again(opened?.watch.failure ?? error, tried++)
      } finally {
        opened?.watch.end()
        opened = undefined
      }
    }
  }

  const open = async (name: string, from: number): Promise<Opened | undefined> => {
    // It is watched for as long as the stream is read.
    const watch = new Watch(timeoutMs, patience.signal)
    try {
      const pieces = await remote.read(name, from, watch.signal)
      if (!pieces) watch.end()
      return pieces && { pieces, watch }
    } catch (error) {
      watch.end()
      throw watch.failure ?? error
    }
  }

  return {
    get dead() {
      return dead
    },
    size: (name) => trying(({ signal }) => remote.size(name, signal)),
    list: (prefix) => trying(({ signal }) => remote.list(prefix, signal)),
    put: (name, source, options = {}) =>
      trying(
        (watch) => remote.put(name, source, { ...options, signal: watch.signal, onProgress: () => watch.alive() }),
        timeoutMs + Math.min(sizeOf(source), PIECE) / SLOWEST,
      ),
    read: async (name) => {
      const first = await trying(() => open(name, 0))
      return first && stream(name, first)
    },
    close: () => remote.close(),
  }
}

interface Opened {
  pieces: AsyncIterable<Uint8Array>
  watch: Watch
}

/** Aborts its signal when nothing was heard for too long. */
class Watch {
  readonly signal: AbortSignal
  readonly #silence = new AbortController()
  readonly #allowMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(allowMs: number, outer: AbortSignal | undefined) {
    this.#allowMs = allowMs
    this.signal = outer ? AbortSignal.any([this.#silence.signal, outer]) : this.#silence.signal
    this.alive()
  }

  /** What to tell if it was the silence that ended the attempt. */
  get failure(): RemoteError | undefined {
    return this.#silence.signal.aborted ? this.#silence.signal.reason : undefined
  }

  alive(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      const seconds = Math.round(this.#allowMs / 100) / 10
      this.#silence.abort(new RemoteError('unreachable', `no answer within ${seconds} s`))
    }, this.#allowMs)
  }

  /** Also while it is us who take our time. */
  end(): void {
    clearTimeout(this.#timer)
  }
}
