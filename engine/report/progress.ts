import type { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'
import type { NodeId } from '../plan/node.ts'
import type { Forecast } from './time-left.ts'
import type { View } from './view.ts'
import { inLogGroup } from './views/log-group.ts'

/** What a person or a program asked to see. */
export interface ViewOptions {
  json?: boolean
  plain?: boolean
  quiet?: boolean
}

/** The view that fits: what was asked for, else in place on a terminal, else plain lines (pipes, files, CI). */
export function chooseView(
  options: ViewOptions,
  terminal: { isTTY?: boolean; columns?: number },
  env: NodeJS.ProcessEnv,
): 'json' | 'quiet' | 'tty' | 'plain' {
  if (options.json) return 'json'
  if (options.quiet) return 'quiet'
  // A pseudo terminal that nobody looks at has no width.
  const dumb =
    terminal.columns === 0 || env.TERM === 'dumb' || (env.CI !== undefined && env.CI !== '' && env.CI !== 'false')
  return terminal.isTTY && !options.plain && !dumb ? 'tty' : 'plain'
}

/** Opens the chosen view: JSON on standard output, all others on standard error. Only its own module is loaded. */
export async function openView(
  options: ViewOptions,
  run: { nodes?: Iterable<NodeId>; forecast?: Forecast } = {},
  streams: { stdout: Writable; stderr: WriteStream } = process,
  env: NodeJS.ProcessEnv = process.env,
): Promise<View> {
  const chosen = chooseView(options, streams.stderr, env)
  switch (chosen) {
    case 'json':
      return (await import('./views/json.ts')).jsonView(streams.stdout)
    case 'quiet':
      return (await import('./views/quiet.ts')).quietView(streams.stderr)
    case 'tty':
      return (await import('./views/tty.ts')).ttyView(streams.stderr, run)
    case 'plain':
      return inLogGroup((await import('./views/plain.ts')).plainView(streams.stderr, run.forecast), streams.stderr, env)
  }
}
