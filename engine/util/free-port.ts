import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Systems take the ports of outgoing connections from above (32768 on Linux, 49152 elsewhere): one of those may be gone
// before the program that it is meant for listens.
const LOWEST = 20_000
const COUNT = 12_000
const MOST_TRIES = 1_000

/** A port of the loopback interface on which nothing listens, and which no outgoing connection takes meanwhile. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const port = LOWEST + randomInt(COUNT)
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${LOWEST} to ${LOWEST + COUNT - 1} is free`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
