import { open } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { type Json, type ProcessRequest, type ProcessRunner, StageError } from '../define.ts'
import { bytecodeVariables } from './environment.ts'

/** One event of a Python helper. */
export interface HelperEvent {
  event: string
  readonly [fact: string]: Json
}

const POLL_MS = 200

/**
 * Runs a Python helper to its end, handing on each event of its events file as it comes. What the helper refuses is a
 * StageError with its words, the first ones where several processes share the file; any other failure one with the tail
 * of its log.
 */
export async function runHelper(
  processes: ProcessRunner,
  request: ProcessRequest,
  events: string,
  onEvent: (event: HelperEvent) => void,
): Promise<void> {
  let refusal: StageError | undefined
  const reader = new EventsReader(events, (event) => {
    if (event.event === 'refused')
      refusal ??= new StageError(String(event.message), {
        ...(typeof event.advice === 'string' ? { advice: event.advice } : {}),
      })
    else onEvent(event)
  })
  const ended = new AbortController()
  const reading = follow(reader, ended.signal)
  try {
    // Threads that poll for one another would slow other work down, and themselves where there is some.
    const env = { ...bytecodeVariables(request.command[0]), GOMP_SPINCOUNT: '1000', ...request.env }
    await processes.run({ ...request, env })
  } catch (error) {
    ended.abort()
    await reading
    // Whatever its exit status: a launcher of several processes has one of its own.
    throw refusal !== undefined && error instanceof StageError ? refusal : error
  }
  ended.abort()
  await reading
}

async function follow(reader: EventsReader, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await reader.read()
    await setTimeout(POLL_MS, undefined, { signal: ended }).catch(() => {})
  }
  await reader.read()
}

/** Reads what was appended to a file of JSON Lines; half a line waits for its end. */
class EventsReader {
  readonly #path: string
  readonly #onEvent: (event: HelperEvent) => void
  #offset = 0
  #rest = Buffer.alloc(0)

  constructor(path: string, onEvent: (event: HelperEvent) => void) {
    this.#path = path
    this.#onEvent = onEvent
  }

  async read(): Promise<void> {
    const file = await open(this.#path, 'r').catch(() => undefined)
    if (file === undefined) return
    try {
      const bytes = Buffer.alloc(64 * 1024)
      for (;;) {
        const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#offset)
        if (bytesRead === 0) return
        this.#offset += bytesRead
        this.#take(bytes.subarray(0, bytesRead))
      }
    } finally {
      await file.close()
    }
  }

  #take(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#onEvent(JSON.parse(rest.subarray(0, end).toString('utf8')) as HelperEvent)
      rest = rest.subarray(end + 1)
    }
    this.#rest = Buffer.from(rest)
  }
}
