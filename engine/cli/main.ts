#!/usr/bin/env node
import { CommanderError } from 'commander'
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
process.stdout.write('', () => process.exit(status))
