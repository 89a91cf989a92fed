import { expect, test } from 'vitest'
import { readQueue, verdictOf } from '../../../../engine/run/slurm/slurm-states.ts'

const of = (state: string, reason = 'None', nodes = ''): ReturnType<typeof verdictOf> =>
  verdictOf({ state, reason, nodes })
const failed = (kind: string): unknown => ({ state: 'failed', cause: expect.objectContaining({ kind }) })

test.each([
  ['OUT_OF_MEMORY', 'OutOfMemory', 'out-of-memory'],
  ['TIMEOUT', 'TimeLimit', 'time-limit'],
  ['DEADLINE', 'DeadLine', 'time-limit'],
  ['NODE_FAIL', 'NodeDown', 'node-failure'],
  ['BOOT_FAIL', 'None', 'node-failure'],
  ['PREEMPTED', 'None', 'preempted'],
  ['CANCELLED', 'None', 'cancelled'],
  ['CANCELLED by 1000', '', 'cancelled'],
  ['CANCELLED', 'DependencyNeverSatisfied', 'dependency'],
  ['PENDING', 'DependencyNeverSatisfied', 'dependency'],
  ['PENDING', 'BadConstraints', 'constraints'],
  ['FAILED', 'BadConstraints', 'constraints'],
  ['PENDING', 'PartitionTimeLimit', 'constraints'],
  ['PENDING', 'InvalidAccount', 'constraints'],
  ['PENDING', 'launch failed requeued held', 'launch'],
  ['FAILED', 'RaisedSignal:11(Segmentation_fault)', 'signal'],
])('%s for %s is told as %s', (state, reason, kind) => {
  expect(of(state, reason)).toEqual(failed(kind))
})

test('what waits says for what, in words', () => {
  expect(of('PENDING')).toEqual({ state: 'queued' })
  expect(of('PENDING', 'Priority')).toEqual({ state: 'queued', why: 'others are before it' })
  expect(of('PENDING', 'ReqNodeNotAvail, UnavailableNodes:n1')).toEqual({
    state: 'queued',
    why: 'the machines that it may use are down or reserved',
  })
  expect(of('PENDING', 'QOSMaxJobsPerUserLimit')).toEqual({
    state: 'queued',
    why: 'a limit of the account or QOS is reached',
  })
  expect(of('PENDING', 'SomethingNew')).toEqual({ state: 'queued', why: 'Slurm says SomethingNew' })
})

test('states that a newer Slurm may have are no failure', () => {
  expect(of('RUNNING', 'None', 'n1')).toEqual({ state: 'running', on: 'n1' })
  expect(of('POWERING_UP_AGAIN')).toEqual({ state: 'running' })
  expect(of('COMPLETED')).toEqual({ state: 'ended', well: true })
  expect(of('FAILED', 'NonZeroExitCode')).toEqual({ state: 'ended', well: false })
})

test('the queue is read line by line, and what is no job is left out', () => {
  const text = '12_3|15|RUNNING|None|n1|name\n7|7|PENDING|Priority||other\nslurm_load_jobs warning\n'
  expect(readQueue(text)).toEqual([
    { job: '12', index: 3, raw: '15', state: 'RUNNING', reason: 'None', nodes: 'n1', name: 'name' },
    { job: '7', index: 0, raw: '7', state: 'PENDING', reason: 'Priority', nodes: '', name: 'other' },
  ])
})
