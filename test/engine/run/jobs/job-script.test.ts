import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { jobFolder, layOutJob, noteSubmission } from '../../../../engine/run/jobs/job-folder.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { jobOf } from './job-of.ts'

/** Runs a job's script with these lines ahead of its command; gives what it printed and its exit status as written down. */
async function ran(...before: string[]): Promise<{ stdout: string; stderr: string; written: string[] }> {
  const job = await jobOf('echo "A is $A"', { folder: temporaryFolder() })
  await layOutJob(job, before)
  const { id } = noteSubmission(job, [0])
  const { stdout, stderr } = spawnSync('/bin/sh', [jobFolder(job.folder).script, id, '0'], { encoding: 'utf8' })
  const exits = join(job.folder, 'exits')
  return { stdout, stderr, written: readdirSync(exits).map((name) => readFileSync(join(exits, name), 'utf8')) }
}

describe('what runs ahead of a command', () => {
  test('may be several lines, and end with a comment', async () => {
    expect(await ran('export A=1 # of the cluster', 'A="$A 2"\nA="$A 3"\n', 'case $A in *3) A="$A 4";; esac')).toEqual({
      stdout: 'A is 1 2 3 4\n',
      stderr: '',
      written: ['0\n'],
    })
  })

  test('ends the task where it fails, with its exit status', async () => {
    for (const failing of [
      'exit_with() { return $1; }; exit_with 5',
      'false || (exit 5) # not there',
      'echo\n(exit 5)\n',
    ])
      expect(await ran('A=1', failing, 'A=2')).toMatchObject({ written: ['5\n'] })
  })
})
