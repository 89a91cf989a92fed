import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

/** How a stand-in of a model hub treats one request for a file. */
interface Mood {
  /** Cuts the connection after so many bytes of the body. */
  cutAfter?: number
  status?: number
  /** Sends all of it whatever was asked for. */
  ignoresRange?: boolean
  etag?: string
  /** Another content of the same length. */
  corrupt?: boolean
}

export interface FakeHub {
  url: string
  /** Requests in order, as `PATH` or `PATH from=BYTES`. */
  seen: string[]
  /** The authorization of each. */
  tokens: (string | undefined)[]
  /** What to do with the next requests for files. */
  moods: Mood[]
}

/** Stands in for a model hub on the loopback interface: the list of a repository, its files, ranges and redirects. */
export async function fakeHub(
  files: { readonly [path: string]: string | Buffer },
  options: { large?: (path: string) => boolean; redirectTo?: string; token?: string; pageOf?: number } = {},
): Promise<FakeHub> {
  const hub: FakeHub = { url: '', seen: [], tokens: [], moods: [] }
  const listed = Object.entries(files).map(([path, content]) => {
    const bytes = Buffer.from(content)
    const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
    const lfs = { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
    return { type: 'file', path, size: bytes.length, oid, ...(options.large?.(path) ? { lfs } : {}) }
  })
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '', 'http://x')
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]
    hub.seen.push(url.pathname + (range === undefined ? '' : ` from=${range}`))
    hub.tokens.push(request.headers.authorization)
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`)
      return void response.writeHead(401).end()
    const list = /^\/api\/(?:models|datasets)\/(.+)\/tree\//.exec(url.pathname)
    if (list) {
      const from = Number(url.searchParams.get('cursor') ?? 0)
      const to = from + (options.pageOf ?? listed.length)
      const next = to < listed.length ? `<http://elsewhere.invalid${url.pathname}?cursor=${to}>; rel="next"` : undefined
      response.writeHead(200, { 'content-type': 'application/json', ...(next ? { link: next } : {}) })
      return void response.end(JSON.stringify([{ type: 'directory', path: 'onnx' }, ...listed.slice(from, to)]))
    }
    const path = decodeURIComponent(url.pathname.replace(/^.*\/resolve\/[0-9a-f]+\//, '').replace(/^\//, ''))
    const content = files[path]
    if (content === undefined) return void response.writeHead(404).end()
    if (options.redirectTo !== undefined)
      return void response.writeHead(302, { location: `${options.redirectTo}/${encodeURIComponent(path)}` }).end()
    send(response, Buffer.from(content), range, String(request.headers['if-range']), hub.moods.shift() ?? {})
  }
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return hub
}

function send(
  response: ServerResponse,
  content: Buffer,
  range: string | undefined,
  known: string | undefined,
  mood: Mood,
): void {
  const { etag = '"1"', cutAfter, status, ignoresRange, corrupt } = mood
  if (status !== undefined) return void response.writeHead(status, { 'retry-after': '0' }).end()
  const start = range === undefined || ignoresRange || known !== etag ? 0 : Number(range)
  const bytes = Buffer.from(content.subarray(start))
  if (corrupt) bytes.fill('x')
  if (start > 0 && start >= content.length)
    return void response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
  response.writeHead(start > 0 ? 206 : 200, {
    etag,
    'content-length': bytes.length,
    ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
  })
  if (cutAfter === undefined || cutAfter >= bytes.length) return void response.end(bytes)
  response.write(bytes.subarray(0, cutAfter), () => void whenRead().then(() => response.destroy()))
}

/**
 * Resolves when a client in this process has had many turns to read what was sent, however slow the machine is: what is
 * waiting to be read when a connection breaks is lost.
 */
async function whenRead(): Promise<void> {
  for (let turn = 0; turn < 25; turn++) await setTimeout(10)
}
