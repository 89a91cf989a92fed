#!/usr/bin/env node
// Stands in for a user's own llama-server, vllm or transformers: same options, same routes, no model. The model's name
// says what goes wrong at the start. GET /die ends it as a crash would, GET /out-of-memory as one for want of memory.
// Requests are answered after `--delay` milliseconds, and noted in the file `--request-log`. Those after the first
// `--hold-after` wait for the file `--gate`.
import { appendFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'

const { argv, env } = process
const flag = (name) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined)
const model = flag('--model') ?? argv[3]
const slots = Number(flag('--parallel') ?? flag('--max-num-seqs') ?? 1)
const context = Number(flag('--max-model-len') ?? Number.POSITIVE_INFINITY)
let answered = 0
const key = env.LLAMA_API_KEY ?? env.VLLM_API_KEY ?? env.QUERYLOOM_SERVER_KEY

function fail(message) {
  console.error(message)
  process.exit(3)
}

async function complete(request, response) {
  let text = ''
  for await (const chunk of request) text += chunk
  const { prompt, messages, seed } = JSON.parse(text)
  const asked = prompt ?? messages.at(-1).content
  const note = { asked, seed, cards: env.CUDA_VISIBLE_DEVICES, pid: process.pid }
  if (flag('--request-log')) appendFileSync(flag('--request-log'), `${JSON.stringify(note)}\n`)
  await setTimeout(Number(flag('--delay') ?? 0))
  if (flag('--gate') && answered++ >= Number(flag('--hold-after')))
    while (!existsSync(flag('--gate'))) await setTimeout(20)
  // Words of the passage and not in its order, as a query that passes filters has them.
  const words = (asked.split(/Document:|Passage:/).at(-1) ?? '').split(/\W+/).filter((word) => word.length > 3)
  const said = ` ${[5, 1, 7, 3].map((at) => words[(seed % 3) + at] ?? 'query').join(' ')}`
  const choice = prompt === undefined ? { message: { role: 'assistant', content: said } } : { text: said }
  const usage = { prompt_tokens: 1, completion_tokens: 1 }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ choices: [{ index: 0, finish_reason: 'stop', ...choice }], usage }))
}

console.log(`starting ${argv.slice(2).join(' ')}`)
if (model.includes('broken')) fail('error: failed to load model')
if (model.includes('out-of-memory') && slots > 64)
  fail(`torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n${'frame\n'.repeat(500)}`)
if (model.includes('small-cache') && context > 7456)
  fail(
    "ValueError: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (7456).",
  )
if (model.includes('killed') && slots > 1) process.kill(process.pid, 'SIGKILL')
createServer((request, response) => {
  if (request.url === '/health') return response.end('{"status":"ok"}')
  if (key !== undefined && request.headers.authorization !== `Bearer ${key}`) {
    response.writeHead(401)
    return response.end('{}')
  }
  if (request.url === '/die') return process.exit(9)
  if (request.url === '/out-of-memory') return fail('CUDA error: out of memory')
  if (request.method === 'POST') return complete(request, response)
  response.end(
    JSON.stringify({
      pid: process.pid,
      arguments: argv.slice(2),
      cards: env.CUDA_VISIBLE_DEVICES,
      offline: env.HF_HUB_OFFLINE,
    }),
  )
}).listen(Number(flag('--port')), flag('--host'))
