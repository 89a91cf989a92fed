import type { MessagePort } from 'node:worker_threads'
import type {
  AnyStageDefinition,
  Json,
  RowAnswer,
  ServiceStageDefinition,
  StageContext,
  StageDefinition,
  StageSummary,
} from '../../stages/define.ts'
import { unreachable } from '../util/unreachable.ts'
import { type FromStage, receiveError, sendError, type ToStage } from './stage-message.ts'

interface OpenQuestion {
  resolve(answers: readonly RowAnswer[]): void
  reject(error: Error): void
}

/** The thread's side of stages that run off the main thread: runs one at a time, as told by messages. */
export function serveStages(port: MessagePort, stages: { readonly [type: string]: AnyStageDefinition }): void {
  /** Questions to language models that the main thread has not answered yet. */
  const open = new Map<number, OpenQuestion>()
  let questions = 0
  let drain = new AbortController()
  let abort = new AbortController()

  const say = (message: FromStage): void => port.postMessage(message)
  const ask: StageContext<never>['ask'] = (llm, requests, settings) =>
    new Promise((resolve, reject) => {
      const id = ++questions
      open.set(id, { resolve, reject })
      say({ type: 'ask', id, llm, requests, settings })
    })
  const take = (id: number): OpenQuestion | undefined => {
    const question = open.get(id)
    open.delete(id)
    return question
  }
  const run = async ({ stage, data: { work, ...data } }: Extract<ToStage, { type: 'run' }>): Promise<void> => {
    drain = new AbortController()
    abort = new AbortController()
    try {
      const summary = await execute(stages[stage], work, {
        ...data,
        progress: (done, total, note) =>
          say({
            type: 'progress',
            done,
            ...(total === undefined ? {} : { total }),
            ...(note === undefined ? {} : { note }),
          }),
        ask,
        drain: drain.signal,
        signal: abort.signal,
      })
      say({ type: 'finished', summary })
    } catch (error) {
      const isDrained = drain.signal.aborted && error === drain.signal.reason
      say(isDrained ? { type: 'drained' } : { type: 'failed', error: sendError(error) })
    }
  }

  port.on('message', (message: ToStage) => {
    switch (message.type) {
      case 'drain':
        drain.abort(new Error('interrupted'))
        break
      case 'abort':
        say({ type: 'stopping' })
        abort.abort(new Error('interrupted'))
        break
      case 'run':
        void run(message)
        break
      case 'answers':
        take(message.id)?.resolve(message.answers)
        break
      case 'unanswered':
        take(message.id)?.reject(receiveError({ ...message.error, question: message.id }))
        break
      default:
        unreachable(message)
    }
  })
}

function execute(
  definition: AnyStageDefinition | undefined,
  work: Json | undefined,
  context: StageContext<unknown>,
): Promise<StageSummary> {
  if (work === undefined) return (definition as StageDefinition<unknown>).run(context)
  const { compute } = definition as ServiceStageDefinition<unknown>
  if (!compute) throw new Error('the stage has nothing to compute')
  return compute(context, work)
}
