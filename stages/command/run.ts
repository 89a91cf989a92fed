import { logSize, logTail } from '../../engine/util/log-tail.ts'
import { type ServiceContext, StageError, type StageSummary } from '../define.ts'
import { collectOutput } from './collect.ts'
import { checkUnchanged, placeInputs } from './place.ts'
import { type CommandOptions, describeOutput } from './stage.ts'

/**
 * Runs the command in a fresh folder with its inputs. A status other than 0, a declared output that is missing or of
 * the wrong type, and a linked input that changed meanwhile are a StageError; then the outputs are used for nothing.
 */
export async function run(context: ServiceContext<CommandOptions>): Promise<StageSummary> {
  const { options, scratch, log, processes, signal } = context
  const used = await placeInputs(context)
  const argv = typeof options.run === 'string' ? (['/bin/sh', '-c', options.run] as const) : options.run
  const from = logSize(log)
  await processes.run({ command: argv, cwd: scratch, log, title: 'the command', signal })
  await checkUnchanged(used)
  let files = 0
  let bytes = 0
  for (const [name, spec] of Object.entries(options.outputs)) {
    const collected = await collectOutput(name, describeOutput(spec), scratch).catch((error: unknown) => {
      if (!(error instanceof StageError)) throw error
      const { where, advice } = error
      throw new StageError(error.message, {
        ...(where === undefined ? {} : { where }),
        ...(advice === undefined ? {} : { advice }),
        tail: logTail(log, from),
      })
    })
    context.keep(name, collected.files)
    files += collected.files.length
    bytes += collected.bytes
  }
  return { counts: { files, bytes } }
}
