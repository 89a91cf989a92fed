import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, type Dispatcher, EnvHttpProxyAgent, fetch, type Response } from 'undici'
import { fsyncFile } from '../../cache/durable.ts'
import { hideCredentials } from '../../engine/util/hide-credentials.ts'
import { StageError } from '../define.ts'
import { retryAfter } from '../generate/send-failure.ts'
import { isLoopback } from './source.ts'
import { type ExpectedFile, isExpected } from './source-digest.ts'

/** How downloads reach others: one dispatcher, and a token for the host of the address alone. */
export interface Web {
  get(url: string, headers?: { readonly [name: string]: string }, signal?: AbortSignal): Promise<Response>
  close(): Promise<void>
}

/** One file to be had. */
export interface Download {
  url: string
  /** Where it will stand; beside it, `.part` and `.from` keep what a broken download has of it. */
  to: string
  expected?: ExpectedFile
  signal: AbortSignal
  /** Bytes on this disk so far, and of all where the server says so. */
  onBytes(done: number, total: number | undefined): void
  backoffMs?: (tries: number) => number
}

/** Tries in a row that bring nothing before a download is given up; what it has is kept. */
const FRUITLESS = 6
/** A server that sends nothing for so long is asked again. */
const SILENT_MS = 60_000

/** Opens the way to other machines: proxy variables count, except for addresses of this machine. */
export function openWeb(token?: string): Web {
  const limits = { headersTimeout: SILENT_MS, bodyTimeout: SILENT_MS }
  const near = new Agent(limits)
  let far: Dispatcher | undefined
  return {
    get(url, headers = {}, signal) {
      const isNear = isLoopback(new URL(url).hostname)
      if (!isNear) far ??= new EnvHttpProxyAgent(limits)
      // A redirect to another host loses the token, as the standard of fetch has it.
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return fetch(url, {
        headers: { 'user-agent': 'queryloom', ...authorization, ...headers },
        dispatcher: isNear ? near : (far as Dispatcher),
        ...(signal === undefined ? {} : { signal }),
      })
    },
    close: async () => {
      await Promise.all([near.destroy(), far?.destroy()])
    },
  }
}

/**
 * Brings a file to its place, whole, on the disk and with the digest it should have. What is there of it already is
 * not asked for again, as long as the server says that it is the same file. Passing failures are tried again with
 * back-off; any other is a StageError.
 */
export async function download(web: Web, file: Download): Promise<void> {
  const part = `${file.to}.part`
  await mkdir(dirname(file.to), { recursive: true })
  // It got its name when it was whole.
  if ((await stat(file.to).catch(() => undefined)) !== undefined) return
  for (let again = false; ; again = true) {
    const resumed = await bring(web, file, part)
    if (file.expected === undefined || (await isExpected(part, file.expected))) break
    await rm(part, { force: true })
    // What was there before may have suffered (a power loss leaves holes): once more from the start.
    if (!resumed || again)
      throw new StageError(`${hideCredentials(file.url)} has another digest than it should have`, {
        advice: 'The server or something on the way changed it; nothing of it was kept.',
      })
  }
  await fsyncFile(part)
  await rename(part, file.to)
  await rm(`${file.to}.from`, { force: true })
}

/** All bytes into `part`; true if some were there before. */
async function bring(web: Web, file: Download, part: string): Promise<boolean> {
  const { url, signal } = file
  const mark = `${file.to}.from`
  const before = await sizeOf(part)
  const backoff = file.backoffMs ?? ((tries: number) => Math.min(30_000, 500 * 2 ** tries))
  for (let tries = 0; ; ) {
    const have = await sizeOf(part)
    const known = have > 0 ? await readFile(mark, 'utf8').catch(() => '') : ''
    let waitMs: number | undefined
    let trouble: string
    try {
      const headers = known === '' ? {} : { range: `bytes=${have}-`, 'if-range': known }
      const response = await web.get(url, { 'accept-encoding': 'identity', ...headers }, signal)
      const { status } = response
      if (status === 200 || status === 206) {
        const goesOn = status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`) === true
        if (status === 206 && !goesOn) throw new Error('the server sent another part than it was asked for')
        const start = goesOn ? have : 0
        if (!goesOn) await writeFile(mark, validator(response))
        const length = Number(response.headers.get('content-length') ?? Number.NaN)
        const total = Number.isNaN(length) ? undefined : start + length
        await receive(response, part, start, (done) => file.onBytes(done, total), signal)
        if (total === undefined || (await sizeOf(part)) === total) return before > 0
        trouble = 'the connection ended early'
      } else {
        await response.body?.cancel()
        // Nothing is left to send, or less is there than we have: the digest will tell.
        if (status === 416) {
          const size = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN)
          if (size === have) return true
          await rm(part, { force: true })
        } else if (status < 500 && ![408, 425, 429].includes(status)) throw refused(url, status)
        waitMs = retryAfter((name) => response.headers.get(name), Date.now())
        trouble = `HTTP ${status}`
      }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof StageError || isDisk(error)) throw error
      trouble = causeOf(error)
    }
    tries = (await sizeOf(part)) > have ? 0 : tries + 1
    if (tries >= FRUITLESS)
      throw new StageError(`${hideCredentials(url)} can't be downloaded: ${trouble}`, {
        advice:
          'Check the network and its proxy variables. What has come so far is kept, and a new run goes on with it.',
        transient: true,
      })
    await wait(waitMs ?? backoff(tries), undefined, { signal }).catch(() => {})
    signal.throwIfAborted()
  }
}

async function receive(
  response: Response,
  part: string,
  start: number,
  onBytes: (done: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const out = createWriteStream(part, start > 0 ? { flags: 'r+', start } : { flags: 'w' })
  let done = start
  const counted = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      done += chunk.length
      onBytes(done)
      yield chunk
    }
  }
  if (response.body === null) return void out.destroy()
  await pipeline(Readable.fromWeb(response.body as never), counted, out, { signal })
}

// A weak validator says that two files mean the same, not that their bytes are the same.
function validator(response: Response): string {
  const etag = response.headers.get('etag')
  return etag !== null && !etag.startsWith('W/') ? etag : (response.headers.get('last-modified') ?? '')
}

function refused(url: string, status: number): StageError {
  const advice =
    status === 401 || status === 403
      ? 'It may need rights: accept its terms where it is published, and set HF_TOKEN for a hub.'
      : 'Check `source` of the model.'
  return new StageError(`${hideCredentials(url)} was refused: HTTP ${status}`, { advice })
}

function isDisk(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException
  return (
    ['write', 'open', 'ftruncate', 'rename'].includes(syscall ?? '') && code !== undefined && /^E[A-Z]+$/.test(code)
  )
}

function causeOf(error: unknown): string {
  let last = error
  while (last instanceof Error && last.cause instanceof Error) last = last.cause
  return last instanceof Error ? last.message || String((last as NodeJS.ErrnoException).code) : String(last)
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0
}
