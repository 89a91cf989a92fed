#!/usr/bin/env node
import { CommanderError } from 'commander'
import { hasLeftThreads } from '../run/left-threads.ts'
import { engineVersion } from '../util/engine-version.ts'
import { ExitStatus } from './exit-status.ts'
import { buildProgram } from './program.ts'
import { tellError } from './tell-error.ts'

/** Runs one command; every way out of it is an exit status. */
async function main(words: readonly string[]): Promise<ExitStatus> {
  let status: ExitStatus = ExitStatus.ok
  const program = buildProgram(engineVersion(), (ended) => {
    status = ended
  })
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) command.exitOverride()
  try {
    await program.parseAsync([...words], { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.ok : ExitStatus.invalid
    return tellError(error, process.stderr)
  }
}

// A reader that went away (`queryloom plan FILE | head`, a closed terminal) is no failure of ours, nobody is left to hear
// of it, and a run must still come to an orderly end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
  })
}
process.on('uncaughtException', (error) => process.exit(tellError(error, process.stderr)))

const status: ExitStatus = await main(process.argv.slice(2))
process.stdout.write('', () => end(status))

/** Ends the process. Where a library still computes, only the signal itself, which asks nobody, does that in peace. */
function end(status: ExitStatus): void {
  if (!hasLeftThreads()) process.exit(status)
  const signal = status === ExitStatus.terminated ? 'SIGTERM' : 'SIGINT'
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
