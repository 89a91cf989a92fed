import { mkdir, open, stat } from 'node:fs/promises'
import path from 'node:path'
import { type ServiceContext, StageError, type StageSummary } from '../define.ts'
import { collectOutput } from './collect.ts'
import { checkUnchanged, placeInputs } from './place.ts'
import { type CommandOptions, describeOutput } from './stage.ts'

const TAIL_LINES = 20
const TAIL_BYTES = 8192

/**
 * Runs the command in a fresh folder with its inputs. A status other than 0, a declared output that is missing or of
 * the wrong type, and an input that changed meanwhile are a StageError; then the outputs are used for nothing.
 */
export async function run(context: ServiceContext<CommandOptions>): Promise<StageSummary> {
  const { options, inputs, outputs, scratch, log, processes, signal } = context
  const work = path.join(scratch, 'work')
  await mkdir(work)
  const placed = await placeInputs(options, inputs, work)
  const argv = typeof options.run === 'string' ? (['/bin/sh', '-c', options.run] as const) : options.run
  const shown = typeof options.run === 'string' ? options.run : options.run.join(' ')
  const from = await stat(log).then(
    ({ size }) => size,
    () => 0,
  )
  const result = await processes.run({ command: argv, cwd: work, log, title: 'the command', signal })
  if (result.exitCode !== 0 || result.timedOut)
    throw new StageError(`the command ended with ${result.signal ?? `exit status ${result.exitCode}`}: ${shown}`, {
      tail: await tailOf(log, from),
    })
  await checkUnchanged(placed)
  let files = 0
  let bytes = 0
  for (const [name, spec] of Object.entries(options.outputs)) {
    const collected = await collectOutput(name, describeOutput(spec), work, outputs[name] as string).catch(
      async (error: unknown) => {
        if (!(error instanceof StageError)) throw error
        const { where, advice } = error
        throw new StageError(error.message, {
          ...(where === undefined ? {} : { where }),
          ...(advice === undefined ? {} : { advice }),
          tail: await tailOf(log, from),
        })
      },
    )
    files += collected.files
    bytes += collected.bytes
  }
  return { counts: { files, bytes } }
}

/** The last lines that the command wrote; an earlier attempt's stand before `from`. */
async function tailOf(log: string, from: number): Promise<string> {
  const file = await open(log, 'r').catch(() => undefined)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(Math.max(size - from, 0), TAIL_BYTES)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
  } finally {
    await file.close()
  }
}
