import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A batch as the stand-in keeps it. */
interface FakeBatch {
  id: string
  status: string
  endpoint: string
  input_file_id: string
  metadata: { [name: string]: string }
  output_file_id?: string
  error_file_id?: string
  errors?: { data: { code: string; message: string }[] }
  request_counts: { total: number; completed: number; failed: number }
}

/** A line of a batch's request file. */
export interface FakeLine {
  custom_id: string
  method: string
  url: string
  // biome-ignore lint/suspicious/noExplicitAny: looked into by tests
  body: any
}

export interface FakeBatchApi {
  url: string
  batches: FakeBatch[]
  /** Lines of every batch in order of creation. */
  lines: FakeLine[][]
  /** Every call, `METHOD /path`. */
  calls: string[]
  /** Ends a batch: answers its lines by this, all of them where it is not given; undefined leaves one out. */
  end(batch: FakeBatch, status?: string, answer?: (line: FakeLine, index: number) => object | undefined): void
  /** What goes wrong with the next call of a route, once: `cut` works and then breaks the connection. */
  faults: { route: string; fault: 'cut' | number }[]
  /** Called when a batch was made, and at each look at one. */
  onCreate(batch: FakeBatch): void
  onLook(batch: FakeBatch): void
}

/** An answer to a line as a service writes it. */
export function lineAnswer(line: FakeLine, text: string): object {
  const choice = line.url.endsWith('/chat/completions') ? { message: { content: text } } : { text }
  const body = {
    choices: [{ index: 0, finish_reason: 'stop', ...choice }],
    usage: { prompt_tokens: 5, completion_tokens: 3 },
  }
  return { id: 'x', custom_id: line.custom_id, response: { status_code: 200, request_id: 'r', body }, error: null }
}

/** A hosted Batch API on the loopback interface: files, batches, their ends as the test decides. It ends with the test. */
export async function fakeBatchApi(): Promise<FakeBatchApi> {
  const files = new Map<string, string>()
  const api: FakeBatchApi = {
    url: '',
    batches: [],
    lines: [],
    calls: [],
    faults: [],
    onCreate() {},
    onLook() {},
    end(batch, status = 'completed', answer = (line) => lineAnswer(line, `query of ${line.custom_id.slice(-4)}`)) {
      const lines = api.lines[api.batches.indexOf(batch)] ?? []
      const answers = lines.map(answer).filter((one) => one !== undefined)
      // Services write answers in the order in which they came about.
      files.set(
        `out-${batch.id}`,
        answers
          .reverse()
          .map((one) => `${JSON.stringify(one)}\n`)
          .join(''),
      )
      if (answers.length > 0) batch.output_file_id = `out-${batch.id}`
      batch.status = status
      batch.request_counts.completed = answers.length
    },
  }
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '', 'http://x').pathname
    const route = `${request.method} ${path.replace(/batch-\d+|file-\d+|out-batch-\d+/, ':id')}`
    api.calls.push(route)
    const body = await readAll(request)
    const at = api.faults.findIndex((fault) => fault.route === route)
    const fault = at < 0 ? undefined : api.faults.splice(at, 1)[0]?.fault
    if (typeof fault === 'number') return send(response, fault, { error: { message: `fault ${fault}` } })
    const answer = act(route, path, body)
    if (fault === 'cut') return void response.destroy()
    if (typeof answer === 'string')
      return void response.writeHead(200, { 'content-type': 'application/jsonl' }).end(answer)
    send(response, answer === undefined ? 404 : 200, answer ?? { error: { message: 'not found' } })
  }
  const act = (route: string, path: string, body: string): object | string | undefined => {
    const batch = api.batches.find(({ id }) => path.includes(`/${id}`))
    switch (route) {
      case 'GET /v1/models':
        return { data: [] }
      case 'POST /v1/files': {
        const id = `file-${files.size}`
        files.set(id, /application\/jsonl\r\n\r\n([\s\S]*)\r\n--/.exec(body)?.[1] ?? '')
        return { id }
      }
      case 'POST /v1/batches': {
        const { input_file_id, endpoint, metadata } = JSON.parse(body)
        const lines = (files.get(input_file_id) ?? '')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as FakeLine)
        const made: FakeBatch = {
          id: `batch-${api.batches.length}`,
          status: 'in_progress',
          endpoint,
          input_file_id,
          metadata,
          request_counts: { total: lines.length, completed: 0, failed: 0 },
        }
        api.batches.push(made)
        api.lines.push(lines)
        api.onCreate(made)
        return made
      }
      case 'GET /v1/batches':
        return { object: 'list', data: [...api.batches].reverse(), has_more: false }
      case 'GET /v1/batches/:id':
        if (batch) api.onLook(batch)
        return batch
      case 'POST /v1/batches/:id/cancel':
        if (batch) batch.status = 'cancelling'
        return batch
      default:
        return files.get(path.split('/').at(-2) ?? '')
    }
  }
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  return api
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
