import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a request of the page came to. */
export interface Reply {
  status: number
  type?: 'text/html' | 'application/json'
  text?: string
}

/** A page for one person on this machine, and what it may ask for. */
export interface LocalPage {
  /** The page itself. */
  html(): string
  /** Answers `GET` and `POST` below `/api/`; the body is JSON, or undefined for GET. */
  api(method: 'GET' | 'POST', name: string, body: unknown): Promise<Reply>
}

/** A server that has begun to listen. */
export interface LocalServer {
  /** With the token: whoever has it may look and judge. */
  url: string
  /** Resolves when nobody asked for anything in the idle time, or when it was told to stop. */
  ended: Promise<'idle' | 'stopped'>
  stop(): void
}

const MAX_BODY = 64 * 1024
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/**
 * Serves a page on a free port of the loopback interface until nobody has asked for `idleMs`, or until `signal`. Every
 * request must know the token: of the page in its address, of all others in a header that no other site's page can send.
 * The host must be ours, so that a name which some site points at this machine opens nothing.
 */
export async function serveLocally(
  page: LocalPage,
  options: { idleMs: number; signal: AbortSignal; onError(error: unknown): void },
): Promise<LocalServer> {
  const token = randomBytes(24).toString('base64url')
  let end: (how: 'idle' | 'stopped') => void = () => {}
  const ended = new Promise<'idle' | 'stopped'>((resolve) => {
    end = resolve
  })
  let idle = setTimeout(() => stop('idle'), options.idleMs)
  const server: Server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      // Whoever went away in the middle of asking is no failure of ours.
      if (request.complete) options.onError(error)
      if (!response.headersSent) send(response, { status: 500 })
      else response.destroy()
    })
  })
  const stop = (how: 'idle' | 'stopped'): void => {
    clearTimeout(idle)
    server.close()
    server.closeAllConnections()
    options.signal.removeEventListener('abort', onAbort)
    end(how)
  }
  const onAbort = (): void => stop('stopped')

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { port } = server.address() as AddressInfo
    const hosts = [`127.0.0.1:${port}`, `localhost:${port}`]
    const { host = '', origin, authorization = '' } = request.headers
    if (!hosts.includes(host)) return send(response, { status: 403 })
    if (origin !== undefined && origin !== `http://${host}`) return send(response, { status: 403 })
    const url = new URL(request.url ?? '/', `http://${host}`)
    const given = url.pathname === '/' ? (url.searchParams.get('token') ?? '') : authorization.replace(/^Bearer /, '')
    if (!isEqual(given, token)) return send(response, { status: 403 })
    clearTimeout(idle)
    idle = setTimeout(() => stop('idle'), options.idleMs)
    if (url.pathname === '/' && request.method === 'GET')
      return send(response, { status: 200, type: 'text/html', text: page.html() })
    const name = /^\/api\/([a-z]+)$/.exec(url.pathname)?.[1]
    if (name === undefined) return send(response, { status: 404 })
    if (request.method === 'GET') return send(response, await page.api('GET', name, undefined))
    if (request.method !== 'POST') return send(response, { status: 405 })
    const body = await readJson(request)
    return send(
      response,
      body.problem === undefined ? await page.api('POST', name, body.value) : { status: body.problem },
    )
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  if (options.signal.aborted) stop('stopped')
  else options.signal.addEventListener('abort', onAbort)
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/?token=${token}`, ended, stop: () => stop('stopped') }
}

/** Compares without telling by its time how much was right. */
function isEqual(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}

async function readJson(
  request: IncomingMessage,
): Promise<{ value: unknown; problem?: undefined } | { problem: 400 | 413 | 415 }> {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return { problem: 415 }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) return { problem: 413 }
    chunks.push(chunk)
  }
  try {
    return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) }
  } catch {
    return { problem: 400 }
  }
}

function send(response: ServerResponse, { status, type, text = '' }: Reply): void {
  const bytes = Buffer.from(text)
  response.writeHead(status, {
    ...HEADERS,
    ...(type === undefined ? {} : { 'content-type': `${type}; charset=utf-8` }),
    'content-length': bytes.length,
    ...(status === 413 ? { connection: 'close' } : {}),
  })
  response.end(bytes)
}
