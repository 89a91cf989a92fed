import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/*
 * An OpenAI-compatible server that answers at once and always the same, so that what is measured is whoever asks. Prints
 * its address; GET /count says how many requests for completions came.
 */
const ANSWER = JSON.stringify({
  id: 'cmpl-stub',
  object: 'text_completion',
  model: 'stub',
  choices: [{ index: 0, text: ' how long does bread keep in the freezer', finish_reason: 'stop' }],
  usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
})
let count = 0
const server = createServer((request, response) => {
  request.resume()
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json')
    return response.end(request.url === '/count' ? String(count) : '{"data":[]}')
  }
  request.on('end', () => {
    count++
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length })
    response.end(ANSWER)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
