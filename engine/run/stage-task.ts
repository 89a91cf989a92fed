import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openToolsCache } from '../../cache/tools-cache.ts'
import { type ServiceStageDefinition, StageError } from '../../stages/define.ts'
import { registry } from '../../stages/registry.ts'
import { cardsEnvironment } from './child-environment.ts'
import { Children } from './children.ts'
import { takeInventory } from './gpus/inventory.ts'
import { modelResources } from './gpus/needs.ts'
import { jobFolder } from './jobs/job-folder.ts'
import { localProcesses } from './local-processes.ts'
import { ModelServers } from './model-servers.ts'
import { listenForSignals } from './signals.ts'

/**
 * Entry of a task of an array: `stage-task.js STAGE FOLDER`, with the task told by the environment. Its servers end with
 * it, whatever ends it; a first SIGTERM lets what is in flight finish.
 */
async function main(type = '', folder = ''): Promise<number> {
  const definition = registry.stages[type] as ServiceStageDefinition | undefined
  const { QUERYLOOM_TASK, QUERYLOOM_TASK_FOLDER: taskFolder, QUERYLOOM_ATTEMPT_FOLDER: attemptFolder } = process.env
  if (!definition?.task || taskFolder === undefined || attemptFolder === undefined)
    throw new StageError(`${type} has no tasks, or nothing says which to run`)
  const signals = listenForSignals()
  const temporary = mkdtempSync(join(tmpdir(), 'queryloom-task-'))
  const children = new Children(temporary, 'task')
  const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`)
  let cards: readonly string[] = []
  const models = new ModelServers(
    {
      lease: registry.models.lease,
      processes: async ({ model }) => {
        const { gpus } = modelResources(model, registry.models)
        if (gpus) cards = (await takeInventory()).cards.map(({ name }) => name)
        // Which cards are its own, the task was told by whoever started it.
        return localProcesses({ temporary, children, declared: gpus === 0 ? cardsEnvironment([], 0) : {} })
      },
      cards: () => cards,
      tools: openToolsCache(),
      logs: attemptFolder,
      batches: join(temporary, 'batches'),
      signal: signals.kill,
      onEvent: ({ type: kind, note }) => log(`${kind}: ${note}`),
      retire: async () => {},
    },
    [],
  )
  const task = Number(QUERYLOOM_TASK)
  const { attempts } = jobFolder(folder)
  try {
    await definition.task({
      folder,
      task,
      taskFolder,
      attemptFolder,
      attempts: attempts(task),
      models,
      log,
      drain: signals.drain,
      signal: signals.kill,
    })
    return 0
  } catch (error) {
    if (signals.received !== undefined && error === signals.drain.reason) {
      log('interrupted')
      return signals.received === 'SIGINT' ? 130 : 143
    }
    if (!(error instanceof StageError)) throw error
    log(`failed: ${[error.message, error.advice, error.tail].filter(Boolean).join('\n')}`)
    return 1
  } finally {
    await models.close()
    await children.close()
    rmSync(temporary, { recursive: true, force: true })
  }
}

process.exitCode = await main(...process.argv.slice(2)).catch((error: unknown) => {
  console.error(error)
  return 70
})
process.exit()
