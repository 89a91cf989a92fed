import { type CanonicalValue, canonicalText, canonicalTexts } from '../../cache/canonical.ts'
import { type RowKey, sha256 } from '../../cache/digest.ts'
import type { Json, RowRequest } from '../define.ts'
import type { Decoding } from './decoding.ts'
import { draw } from './draw.ts'
import type { Prompt } from './prompt/prompt.ts'
import { type Asked, render } from './prompt/render.ts'

/** What every request of a node has in common. */
export interface RequestSetup {
  prompt: Prompt
  /** The model's identity; the name that the server knows it by stays out of keys. */
  identity: CanonicalValue
  options: { decoding: Decoding; max_words: number; seed: number }
}

/**
 * The request for a passage (and what else the prompt shows) and a sample. `attempt` counts answers that could not be
 * read, from 0. Depends on the texts shown only, so that equal ones share a row; the seed depends on the sample, never on
 * the position.
 */
export function rowRequest(setup: RequestSetup, asked: Asked, sample: number, attempt: number): RowRequest {
  const { max_words, seed } = setup.options
  const rendered = render(setup.prompt, asked, sample, seed, max_words)
  const common = commonOf(setup, sample, attempt)
  const body: { [name: string]: Json } = { ...rendered, ...common.members }
  for (const name of common.without) delete body[name]
  const key = common.key(body)
  return { key, path: 'messages' in rendered ? '/chat/completions' : '/completions', body }
}

/** The same request where its key is known already: the rest of it is made when it is looked at. */
export function keyedRequest(key: RowKey, make: () => RowRequest): RowRequest {
  let made: RowRequest | undefined
  const whole = (): RowRequest => {
    made ??= make()
    if (made.key !== key) throw new Error('a row was looked for under the key of another')
    return made
  }
  return {
    key,
    get path() {
      return whole().path
    },
    get body() {
      return whole().body
    },
  }
}

/** What the requests of one sample and attempt have in common. */
interface Common {
  /** Members beside the prompt or the messages. */
  members: { readonly [name: string]: Json }
  /** Members that are taken away. */
  without: readonly string[]
  key(body: { readonly [name: string]: Json }): RowKey
}

const common = new WeakMap<RequestSetup, Map<string, Common>>()

function commonOf(setup: RequestSetup, sample: number, attempt: number): Common {
  let known = common.get(setup)
  if (!known) {
    known = new Map()
    common.set(setup, known)
  }
  const id = `${sample} ${attempt}`
  let found = known.get(id)
  if (!found) {
    found = makeCommon(setup, sample, attempt)
    known.set(id, found)
  }
  return found
}

function makeCommon(setup: RequestSetup, sample: number, attempt: number): Common {
  const { decoding, seed } = setup.options
  const { schema, constrain, mode } = setup.prompt
  const chat = mode === 'chat'
  const stop = decoding.stop ?? setup.prompt.stop
  const members: { [name: string]: Json } = {
    temperature: temperatureOf(decoding, sample),
    top_p: decoding.top_p,
    max_tokens: decoding.max_tokens,
    ...(stop.length > 0 ? { stop } : {}),
    // Servers take 31 bits everywhere. A repeated attempt with the same seed would be the same answer.
    seed: draw('seed', seed, sample, ...(attempt > 0 ? [attempt] : [])) % 2 ** 31,
    ...(decoding.logprobs ? { logprobs: chat ? true : 1 } : {}),
    ...(chat && schema !== undefined && constrain !== false ? { response_format: formatOf(schema) } : {}),
  }
  const without: string[] = []
  for (const [name, value] of Object.entries(decoding.extra)) {
    if (value === null) {
      delete members[name]
      without.push(name)
    } else members[name] = value
  }
  const varying = chat ? 'messages' : 'prompt'
  if (without.includes(varying) || Object.hasOwn(members, varying))
    return { members, without, key: (body) => rowKey(body, setup.identity, sample, attempt) }
  const texts = canonicalTexts('row', (value) =>
    preimage({ ...members, [varying]: value }, setup.identity, sample, attempt),
  )
  return { members, without, key: (body) => sha256<'row'>(texts(body[varying] as CanonicalValue)) }
}

/**
 * The request that sends an answer back with what is wrong with it. What it asks depends on that answer, so that its row
 * belongs to the row of the first.
 */
export function repairRequest(
  setup: RequestSetup,
  request: RowRequest,
  said: string,
  problem: string,
  sample: number,
  attempt: number,
): RowRequest {
  const { messages, prompt } = request.body
  const wanted = `This is not what was asked for: ${problem}. Reply with the corrected JSON alone.`
  const body: { [name: string]: Json } = {
    ...request.body,
    ...(Array.isArray(messages)
      ? { messages: [...messages, { role: 'assistant', content: said }, { role: 'user', content: wanted }] }
      : { prompt: `${prompt}${said}\n\n${wanted}\n` }),
    ...(request.body.seed === undefined ? {} : { seed: draw('repair', setup.options.seed, sample, attempt) % 2 ** 31 }),
  }
  return { ...request, key: rowKey(body, setup.identity, sample, attempt), body }
}

function temperatureOf({ temperature }: Decoding, sample: number): number {
  return Array.isArray(temperature) ? (temperature[sample % temperature.length] as number) : temperature
}

function formatOf(schema: Json): Json {
  return { type: 'json_schema', json_schema: { name: 'answer', schema } }
}

// Members that can't change the answer stay out of the key.
const UNKEYED = ['model', 'stream', 'stream_options', 'user', 'safety_identifier', 'prompt_cache_key', 'cache_prompt']

function preimage(
  body: { readonly [name: string]: CanonicalValue },
  model: CanonicalValue,
  sample: number,
  attempt: number,
): CanonicalValue {
  const keyed = Object.fromEntries(Object.entries(body).filter(([name]) => !UNKEYED.includes(name)))
  return { body: keyed, model, sample, attempt }
}

function rowKey(
  body: { readonly [name: string]: Json },
  model: CanonicalValue,
  sample: number,
  attempt: number,
): RowKey {
  return sha256<'row'>(canonicalText('row', preimage(body as never, model, sample, attempt)))
}

/** Tokens that a request is expected to take, at four characters a token and a full answer. */
export function expectedTokens(request: RowRequest): { input: number; output: number } {
  const { prompt, messages, max_tokens } = request.body
  const characters = typeof prompt === 'string' ? prompt.length : JSON.stringify(messages ?? '').length
  return { input: Math.ceil(characters / 4), output: typeof max_tokens === 'number' ? max_tokens : 0 }
}
