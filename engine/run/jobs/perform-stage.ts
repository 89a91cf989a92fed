import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import type {
  AnyStageDefinition,
  Json,
  Registry,
  ServiceContext,
  ServiceStageDefinition,
  StageContext,
  StageDefinition,
  StageSummary,
} from '../../../stages/define.ts'
import { pause } from '../../util/pause.ts'
import { Children } from '../children.ts'
import { localProcesses } from '../local-processes.ts'
import { resumeFolder } from '../resume-folder.ts'
import { receiveError, sendError } from '../stage-message.ts'
import { fileDigests } from './file-digests.ts'
import { copyPassedOn, moveKept } from './move-kept.ts'
import { passedOn } from './passed-on.ts'
import { post, putQuestion, replyTo, type StageOrder } from './stage-mail.ts'

const PROGRESS_MS = 500
const LOOK_MS = 200
const LOOK_MOST_MS = 2_000

/** Where the script of a job put this process. */
interface Places {
  task: string
  attempt: string
  log: string
}

/**
 * The job's side of a stage that runs as a task: does what the order in the task's folder says, in the attempt's folder.
 * Gives the exit status; a failure is left as a letter.
 */
export async function performStage(
  { stages, models }: Pick<Registry, 'stages' | 'models'>,
  { task, attempt, log }: Places,
): Promise<number> {
  const order = JSON.parse(readFileSync(join(task, 'stage.json'), 'utf8')) as StageOrder
  const children = new Children(attempt, 'job')
  const abort = new AbortController()
  process.once('SIGTERM', () => abort.abort(new Error('the job was told to end')))
  try {
    const definition = stages[order.stage]
    if (!definition) throw new Error(`there is no stage type ${order.stage} here: the versions of queryloom differ`)
    const scratch = made(join(attempt, 'scratch'))
    const resume = resumeFolder(task, order.key)
    const outputs = Object.fromEntries(order.outputs.map((name) => [name, made(join(attempt, `output.${name}`))]))
    const observed: { [name: string]: Json } = {}
    const context: StageContext<never> = {
      ...order.data,
      options: order.data.options as never,
      outputs,
      scratch,
      resume: resume.path,
      progress: progressTo(attempt),
      ask: asking(attempt, abort.signal),
      drain: abort.signal,
      signal: abort.signal,
    }
    const summary = await (order.share
      ? encodeShare(definition, context, order.share, models)
      : definition.thread === 'worker'
        ? (definition as StageDefinition<never>).run(context)
        : service(definition as ServiceStageDefinition<never>, context, order, { children, log, observed }))
    await children.close()
    const digests = Object.fromEntries(
      await Promise.all(
        Object.entries(outputs).map(async ([name, folder]) => [name, await fileDigests(folder)] as const),
      ),
    )
    rmSync(scratch, { recursive: true, force: true })
    post(join(attempt, 'end.json'), { summary, observed, digests })
    return 0
  } catch (error) {
    await children.close()
    post(join(attempt, 'failure.json'), sendError(error))
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}

async function encodeShare(
  definition: AnyStageDefinition,
  context: StageContext<never>,
  { encoder, digest, ...share }: NonNullable<StageOrder['share']>,
  models: Registry['models'],
): Promise<StageSummary> {
  const corpora = (await definition.encodes?.(context)) ?? []
  const corpus = corpora.find((one) => one.encoder === encoder && one.digest === digest)
  if (!corpus) throw new Error(`${definition.type} does not encode this corpus here: the versions of queryloom differ`)
  return { counts: { passages: await models.encoding.encode(corpus, context.inputs[encoder], context, share) } }
}

async function service(
  definition: ServiceStageDefinition<never>,
  context: StageContext<never>,
  { env, passEnv }: StageOrder,
  { children, log, observed }: { children: Children; log: string; observed: { [name: string]: Json } },
): Promise<StageSummary> {
  const passed = passedOn(passEnv)
  const processes = await localProcesses({
    temporary: context.scratch,
    children,
    declared: { ...passed, ...env },
    secrets: Object.values(passed),
  })
  const full: ServiceContext<never> = {
    ...context,
    log,
    processes,
    tools: openToolsCache(),
    keep: (output, files) => moveKept(files, context.outputs[output] as string),
    passOn: (output, file) => copyPassedOn(file, context.outputs[output] as string),
    count: () => {},
    compute: (work) => {
      if (!definition.compute) throw new Error('the stage has nothing to compute')
      return definition.compute(context, work)
    },
    observe: (facts) => Object.assign(observed, facts),
    rows: onlyInTheRun('rows of models'),
    memos: onlyInTheRun('memos'),
    models: onlyInTheRun('models'),
  }
  return definition.run(full)
}

/** Stands for what a stage that runs elsewhere can't have; handing it on is no use of it. */
function onlyInTheRun(what: string): never {
  const get = (): never => {
    throw new Error(`only the run itself has ${what}`)
  }
  return new Proxy({}, { get }) as never
}

function progressTo(attempt: string): StageContext<never>['progress'] {
  let last = 0
  return (done, total, note) => {
    const now = Date.now()
    if (now - last < PROGRESS_MS && done !== total) return
    last = now
    post(join(attempt, 'progress.json'), {
      done,
      ...(total === undefined ? {} : { total }),
      ...(note === undefined ? {} : { note }),
    })
  }
}

function asking(attempt: string, signal: AbortSignal): StageContext<never>['ask'] {
  let asked = 0
  return async (llm, requests, settings) => {
    const number = ++asked
    putQuestion(attempt, number, { llm, requests, settings })
    for (let wait = LOOK_MS; ; wait = Math.min(LOOK_MOST_MS, wait * 1.5)) {
      const reply = replyTo(attempt, number)
      if (reply && 'answers' in reply) return reply.answers
      if (reply) throw receiveError(reply.error)
      await pause(wait, signal)
    }
  }
}

function made(folder: string): string {
  mkdirSync(folder)
  return folder
}
