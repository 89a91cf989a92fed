import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { freePort } from '../../engine/util/free-port.ts'

/** What the fake server does with one request. */
export type Reaction =
  | {
      answer: string
      logprobs?: readonly number[]
      usage?: { input: number; output: number }
      finish?: string
      headers?: { readonly [name: string]: string }
    }
  | { status: number; body?: unknown; headers?: { readonly [name: string]: string } }
  /** Headers never come. */
  | { fault: 'hang' }
  /** Headers and half of a body come. */
  | { fault: 'stall' }
  /** Headers and half of a body come, then the connection is reset. */
  | { fault: 'reset' }
  /** A whole answer by its length, whose JSON ends too early. */
  | { fault: 'truncated' }
  /** The connection is cut before an answer. */
  | { fault: 'disconnect' }
  /** HTTP 200 with a body that is not JSON, though its type says so. */
  | { fault: 'garbage' }
  /** HTTP 200 with JSON of another shape. */
  | { fault: 'wrong-json' }

/** A request that reached the server. */
export interface SeenRequest {
  path: string
  headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: looked into by tests
  body: any
  /** The prompt, or the last message. */
  text: string
  /** How many requests with this prompt and seed came before. */
  before: number
}

/** An OpenAI-compatible server inside the test's process, whose every answer the test decides. */
export interface FakeOpenai {
  url: string
  /** Every request to a completion route, in order of arrival. */
  requests: SeenRequest[]
  /** Most requests that were in flight at once. */
  readonly mostAtOnce: number
  /** Stops listening and cuts every connection, as a dying server does. */
  die(): Promise<void>
  /** Listens again at the same port. */
  revive(): Promise<void>
}

/** Starts the server on a free port of the loopback interface; it ends with the test. A promise holds the answer back. */
export async function fakeOpenai(react: (request: SeenRequest) => Reaction | Promise<Reaction>): Promise<FakeOpenai> {
  const requests: SeenRequest[] = []
  const sockets = new Set<Socket>()
  const seen = new Map<string, number>()
  let inFlight = 0
  let mostAtOnce = 0

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? ''
    const text = await readAll(request)
    if (request.method === 'GET') {
      json(response, 200, { data: [] })
      return
    }
    const body = JSON.parse(text)
    const prompt = body.prompt ?? body.messages.at(-1).content
    const id = `${body.seed} ${prompt}`
    const before = seen.get(id) ?? 0
    seen.set(id, before + 1)
    const entry = { path, headers: request.headers, body, text: prompt, before }
    requests.push(entry)
    inFlight++
    mostAtOnce = Math.max(mostAtOnce, inFlight)
    response.on('close', () => inFlight--)
    // Answers come in a later turn, so that requests overlap as they do with a real server.
    await new Promise(setImmediate)
    act(response, path, await react(entry))
  }
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  const die = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  // Of those that nothing else takes while it is dead.
  const port = await freePort()
  await listen(port)
  onTestFinished(die)
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    get mostAtOnce() {
      return mostAtOnce
    },
    die,
    revive: () => listen(port),
  }
}

function act(response: ServerResponse, path: string, reaction: Reaction): void {
  if ('answer' in reaction) {
    const { answer, logprobs, usage = { input: 1, output: 1 }, finish = 'stop', headers } = reaction
    const choice = path.endsWith('/chat/completions')
      ? {
          message: { role: 'assistant', content: answer },
          ...(logprobs ? { logprobs: { content: tokens(logprobs) } } : {}),
        }
      : { text: answer, ...(logprobs ? { logprobs: { token_logprobs: logprobs } } : {}) }
    const body = {
      id: 'fake',
      model: 'fake-model-1',
      choices: [{ index: 0, finish_reason: finish, ...choice }],
      usage: { prompt_tokens: usage.input, completion_tokens: usage.output },
    }
    json(response, 200, body, headers)
    return
  }
  if ('status' in reaction) {
    const { status, body = { error: { message: `status ${status}` } }, headers } = reaction
    json(response, status, body, headers)
    return
  }
  switch (reaction.fault) {
    case 'hang':
      return
    case 'stall':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"choices": [')
      return
    case 'reset':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"choices": [', () => response.destroy())
      return
    case 'truncated':
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{"choices": [{"text": "half a que')
      return
    case 'disconnect':
      response.destroy()
      return
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('<html>502 Bad Gateway</html>')
      return
    case 'wrong-json':
      json(response, 200, { object: 'list', data: [1, 2, 3] })
      return
  }
}

function tokens(logprobs: readonly number[]): { token: string; logprob: number }[] {
  return logprobs.map((logprob) => ({ token: 'x', logprob }))
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: { readonly [name: string]: string } = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
