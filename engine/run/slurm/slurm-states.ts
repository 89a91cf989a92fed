import type { TaskState } from '../executor.ts'

/** One task as `squeue` shows it. */
export interface QueueRow {
  /** Of the array, or of the job that is none. */
  job: string
  /** Its place in the array; 0 where there is none. */
  index: number
  /** Number of this task alone, which accounting knows it by. */
  raw: string
  state: string
  reason: string
  nodes: string
  name: string
}

/** What to ask `squeue` for so that `readQueue` can read it: all states that it still knows. */
export const QUEUE_WORDS: readonly string[] = ['--noheader', '--array', '--states=all', '--format=%i|%A|%T|%r|%N|%j']

/** Reads what `squeue` printed; lines of another form are left out. */
export function readQueue(text: string): QueueRow[] {
  return text.split('\n').flatMap((line) => {
    const [id = '', raw = '', state = '', reason = '', nodes = '', name = ''] = line.split('|')
    const [, job, index = '0'] = /^(\d+)(?:_(\d+))?$/.exec(id) ?? []
    return job === undefined ? [] : [{ job, index: Number(index), raw, state, reason, nodes, name }]
  })
}

/** What a state of Slurm comes to. `ended`: by its own, so that its exit status tells more. */
export type Verdict = TaskState | { state: 'ended'; well: boolean }

const failed = (cause: Extract<TaskState, { state: 'failed' }>['cause']): Verdict => ({ state: 'failed', cause })

/** Says of a task what its state and its reason in `squeue` or `sacct` mean. */
export function verdictOf({ state, reason, nodes }: Pick<QueueRow, 'state' | 'reason' | 'nodes'>): Verdict {
  // `sacct` says who cancelled it: CANCELLED by 1000.
  const [word = ''] = state.split(' ')
  switch (word) {
    case 'PENDING':
    case 'REQUEUED':
    case 'REQUEUE_FED':
    case 'REQUEUE_HOLD':
    case 'SPECIAL_EXIT':
      return verdictOfPending(reason)
    case 'CONFIGURING':
      return { state: 'queued', why: 'its machine is being made ready' }
    case 'RUNNING':
    case 'COMPLETING':
    case 'RESIZING':
    case 'SIGNALING':
    case 'STAGE_OUT':
    case 'STOPPED':
    case 'SUSPENDED':
      return { state: 'running', ...(nodes === '' ? {} : { on: nodes }) }
    case 'COMPLETED':
      return { state: 'ended', well: true }
    case 'FAILED': {
      const [, signal] = /^RaisedSignal:(\d+)/.exec(reason) ?? []
      if (signal !== undefined) return failed({ kind: 'signal', signal: Number(signal) })
      if (NEVER[reason] !== undefined) return failed({ kind: 'constraints', detail: NEVER[reason] })
      // Also said of scripts that were killed: JobLaunchFailure.
      return { state: 'ended', well: false }
    }
    case 'OUT_OF_MEMORY':
      return failed({ kind: 'out-of-memory' })
    case 'TIMEOUT':
    case 'DEADLINE':
      return failed({ kind: 'time-limit' })
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
      return failed({ kind: 'node-failure' })
    case 'PREEMPTED':
      return failed({ kind: 'preempted' })
    case 'CANCELLED':
    case 'REVOKED':
      return reason === 'DependencyNeverSatisfied' ? failed({ kind: 'dependency' }) : failed({ kind: 'cancelled' })
    default:
      // A newer Slurm may have states that nobody knows here: what it is at shows later.
      return { state: 'running' }
  }
}

const FINAL = /^(COMPLETED|FAILED|OUT_OF_MEMORY|TIMEOUT|DEADLINE|NODE_FAIL|BOOT_FAIL|PREEMPTED|CANCELLED|REVOKED)/

/** Whether a task waits or runs. */
export function isLive({ state }: QueueRow): boolean {
  return !FINAL.test(state)
}

const LAUNCH = 'Slurm could not start its script'

function verdictOfPending(reason: string): Verdict {
  if (reason === 'DependencyNeverSatisfied') return failed({ kind: 'dependency' })
  if (/launch.failed/i.test(reason)) return failed({ kind: 'launch', detail: LAUNCH })
  const never = NEVER[reason]
  if (never !== undefined) return failed({ kind: 'constraints', detail: never })
  const why = WAITS.find(([form]) => form.test(reason))?.[1]
  return { state: 'queued', ...(reason === 'None' || reason === '' ? {} : { why: why ?? `Slurm says ${reason}` }) }
}

/** Reasons that waiting does not mend. */
const NEVER: { readonly [reason: string]: string } = {
  BadConstraints: 'no node satisfies its constraints',
  InvalidAccount: 'there is no such account',
  InvalidQOS: 'there is no such QOS',
  PartitionNodeLimit: 'it asks for more nodes than the partition gives',
  PartitionTimeLimit: 'it asks for more time than the partition gives',
}

const WAITS: readonly [RegExp, string][] = [
  [/^Priority$/, 'others are before it'],
  [/^Resources$/, 'waits for machines that are free'],
  [/^JobArrayTaskLimit$/, 'as many as may run at once do'],
  [/^Dependency$/, 'waits for another job'],
  [/^(BeginTime|Cleaning)$/, 'was put back into the queue'],
  [/^JobHeld/, 'is held: scontrol release lets it go on'],
  [/^(ReqNodeNotAvail|NodeDown|PartitionDown|PartitionInactive)/, 'the machines that it may use are down or reserved'],
  [/^Reservation/, 'waits for its reservation'],
  [/^(QOS|Assoc|MaxCpu|MaxMem|MaxGRES)/, 'a limit of the account or QOS is reached'],
  [/^Licenses$/, 'waits for licences'],
]
