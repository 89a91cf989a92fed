import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import { Children } from '../../../engine/run/children.ts'
import { localProcesses } from '../../../engine/run/local-processes.ts'
import type { LeaseModel } from '../../../stages/define.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

/** Services of a lease: real processes, a tools cache of the test's own, and the events noted. */
export async function leaseServices(): Promise<
  Parameters<LeaseModel>[1] & { events: string[]; abort: AbortController }
> {
  const home = temporaryFolder()
  const events: string[] = []
  const abort = new AbortController()
  return {
    processes: await localProcesses({ temporary: home, children: new Children(home, 'test') }),
    tools: openToolsCache(join(home, 'tools')),
    logs: join(home, 'logs'),
    batches: join(home, 'batches'),
    signal: abort.signal,
    onEvent: (event) => events.push(`${event.type}: ${event.note}`),
    events,
    abort,
  }
}

/** A folder for PATH with these shell scripts in it, by name. */
export function scripts(files: { readonly [name: string]: string }): string {
  const folder = join(temporaryFolder(), 'bin')
  mkdirSync(folder)
  for (const [name, body] of Object.entries(files)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  return folder
}

/** Runs `fn` with another PATH. */
export async function withPath<Result>(path: string, fn: () => Promise<Result>): Promise<Result> {
  const before = process.env.PATH
  process.env.PATH = path
  try {
    return await fn()
  } finally {
    process.env.PATH = before
  }
}
