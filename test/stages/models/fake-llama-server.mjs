#!/usr/bin/env node
// Stands in for a user's own llama-server: same flags, same routes. GET /die ends it as a crash would.
import { createServer } from 'node:http'

const flag = (name) => process.argv[process.argv.indexOf(name) + 1]
const key = process.env.LLAMA_API_KEY
console.log(`starting ${process.argv.slice(2).join(' ')}`)
if (flag('--model').includes('broken')) {
  console.error('error: failed to load model')
  process.exit(3)
}
createServer((request, response) => {
  if (request.url === '/health') return response.end('{"status":"ok"}')
  if (request.headers.authorization !== `Bearer ${key}`) {
    response.writeHead(401)
    return response.end('{}')
  }
  if (request.url === '/die') return process.exit(9)
  response.end(JSON.stringify({ pid: process.pid, arguments: process.argv.slice(2) }))
}).listen(Number(flag('--port')), flag('--host'))
