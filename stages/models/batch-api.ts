import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import OpenAI from 'openai'
import { StageError } from '../define.ts'
import { openDispatcher } from '../generate/poster.ts'
import { requestFetch } from '../generate/request-fetch.ts'

/** How far a batch is. */
export interface BatchState {
  id: string
  status: string
  done: number
  total: number
  outputFile: string | undefined
  errorFile: string | undefined
  /** What was wrong with all of it, if the service refused it. */
  problem: { code: string; message: string } | undefined
}

/** The calls of a hosted Batch API, each retried by the openai client for passing failures. */
export interface BatchApi {
  upload(path: string): Promise<string>
  create(inputFile: string, url: string, mark: string, window: string): Promise<BatchState>
  /** A batch that carries this mark, if there is one among the newest. */
  findByMark(mark: string): Promise<BatchState | undefined>
  look(id: string): Promise<BatchState>
  cancel(id: string): Promise<void>
  /** The whole text of a file. */
  read(file: string): Promise<string>
  close(): Promise<void>
}

const MARK = 'queryloom'
const MAX_BYTES = 1 << 30
/** Batches that are looked through for one of ours. */
const NEWEST = 100

/** Opens the Batch API at a base address. */
export function openBatchApi(baseUrl: string, apiKey: string, signal: AbortSignal): BatchApi {
  const dispatcher = openDispatcher(baseUrl, MAX_BYTES)
  const client = new OpenAI({
    baseURL: baseUrl,
    apiKey: apiKey === '' ? 'none' : apiKey,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 5,
    logLevel: 'off',
    fetch: requestFetch(dispatcher, ['accept', 'authorization', 'content-type']) as never,
  })
  const told = async <Value>(what: string, call: () => Promise<Value>): Promise<Value> => {
    try {
      return await call()
    } catch (error) {
      signal.throwIfAborted()
      throw failureOf(what, error)
    }
  }
  return {
    upload: (path) =>
      told('the file of a batch was not taken', async () => {
        const { body, type } = multipart(basename(path), await readFile(path))
        const options = { body, headers: { 'content-type': type }, signal }
        return (await client.post<{ id: string }>('/files', options)).id
      }),
    create: (inputFile, url, mark, window) =>
      told('a batch was not taken', async () =>
        stateOf(
          await client.batches.create(
            {
              input_file_id: inputFile,
              endpoint: url as '/v1/completions',
              completion_window: window as '24h',
              metadata: { [MARK]: mark },
            },
            // Trying again could make two of it: what became of the first is looked up by its mark.
            { maxRetries: 0, signal },
          ),
        ),
      ),
    findByMark: (mark) =>
      told('batches can not be listed', async () => {
        const { data } = await client.batches.list({ limit: NEWEST }, { signal })
        const found = data.find(({ metadata }) => metadata?.[MARK] === mark)
        return found && stateOf(found)
      }),
    look: (id) =>
      told(`batch ${id} can't be looked at`, async () => stateOf(await client.batches.retrieve(id, { signal }))),
    cancel: (id) =>
      told(`batch ${id} can't be cancelled`, async () => void (await client.batches.cancel(id, { signal }))),
    read: (file) =>
      told(`file ${file} can't be read`, async () => (await client.files.content(file, { signal })).text()),
    close: () => dispatcher.destroy(),
  }
}

function stateOf(batch: OpenAI.Batch): BatchState {
  const first = batch.errors?.data?.[0]
  return {
    id: batch.id,
    status: batch.status,
    done: (batch.request_counts?.completed ?? 0) + (batch.request_counts?.failed ?? 0),
    total: batch.request_counts?.total ?? 0,
    outputFile: batch.output_file_id ?? undefined,
    errorFile: batch.error_file_id ?? undefined,
    problem: first ? { code: first.code ?? '', message: first.message ?? 'no reason given' } : undefined,
  }
}

// The client's own form data belongs to another fetch than ours, and would be sent as its name.
function multipart(name: string, content: Buffer): { body: Buffer; type: string } {
  const border = `queryloom-${randomBytes(12).toString('hex')}`
  const field = `--${border}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`
  const file = `--${border}\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: application/jsonl\r\n\r\n`
  const body = Buffer.concat([Buffer.from(field + file), content, Buffer.from(`\r\n--${border}--\r\n`)])
  return { body, type: `multipart/form-data; boundary=${border}` }
}

function failureOf(what: string, error: unknown): StageError {
  const status = error instanceof OpenAI.APIError ? error.status : undefined
  const isPassing = status === undefined || status === 408 || status === 409 || status === 429 || status >= 500
  return new StageError(`${what}: ${error instanceof Error ? error.message : String(error)}`, {
    advice: isPassing
      ? 'Every answer so far is kept, and batches on their way are found again: run again later.'
      : 'Check that the endpoint has a Batch API, and the key and the account.',
    transient: isPassing,
    cause: error,
  })
}
