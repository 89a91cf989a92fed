import { registry } from '../../stages/registry.ts'
import { performStage } from './jobs/perform-stage.ts'

/** Entry of a job that runs a stage; its script says where. */
const { QUERYLOOM_TASK_FOLDER: task, QUERYLOOM_ATTEMPT_FOLDER: attempt, QUERYLOOM_TASK_LOG: log } = process.env
if (task === undefined || attempt === undefined || log === undefined) throw new Error('stage-job is the entry of a job')
process.exit(await performStage(registry, { task, attempt, log }))
