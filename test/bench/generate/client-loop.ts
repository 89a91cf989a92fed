import OpenAI from 'openai'
import { Agent } from 'undici'
import { requestFetch } from '../../../stages/generate/request-fetch.ts'

/*
 * The bare loop: the openai client asks for completions, so many at once, and drops the answers.
 * client-loop.ts URL REQUESTS CONCURRENCY own|default
 */
const [url = '', requests = '', concurrency = '', kind = ''] = process.argv.slice(2)
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connections: Number(concurrency) })
const own = requestFetch(dispatcher, ['accept', 'authorization', 'content-type'])
const client = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey: 'none',
  maxRetries: 0,
  logLevel: 'off',
  ...(kind === 'own' ? { fetch: own as never } : {}),
})
const text = 'The bread keeps for three days in a bag and for months in the freezer, sliced. '.repeat(4)
let next = 0
const worker = async (): Promise<void> => {
  for (let i = next++; i < Number(requests); i = next++) {
    const answer = await client.completions.create({
      model: 'stub',
      prompt: `Passage: ${i} ${text}\nQuery:`,
      temperature: 0.7,
      top_p: 0.9,
      max_tokens: 64,
      seed: i,
    })
    if (answer.choices[0]?.text === undefined) throw new Error('no answer')
  }
}
const started = performance.now()
await Promise.all(Array.from({ length: Number(concurrency) }, worker))
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000 }))
process.exit(0)
