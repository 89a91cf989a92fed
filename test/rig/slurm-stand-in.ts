import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './temporary.ts'

/** Programs of Slurm on the PATH that say what a test wants: one array of one task. */
export interface SlurmStandIn {
  /** What `squeue` shows of the task: its state and its reason; `forgotten`: nothing. */
  queue(state: string, reason?: string): void
  /** Words that `sacct` was called with, a line a call. */
  asked: string
}

/** Puts them first on the PATH, and nothing else of Slurm; `sacct` is a script, or is not there. */
export function slurmStandIn(sacct: string | undefined): SlurmStandIn {
  const folder = temporaryFolder()
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const program = (name: string, script: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\ncd ${folder}\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  program('sbatch', `for w in "$@"; do case $w in --job-name=*) echo "\${w#*=}" >name;; esac; done; echo 7`)
  program('squeue', '[ ! -e name ] || [ "$(cat state)" = forgotten ] || echo "7_0|8|$(cat state)|n1|$(cat name)|"')
  program('scancel', ':')
  if (sacct !== undefined) program('sacct', `echo "$*" >>asked; ${sacct}`)
  const queue = (state: string, reason = 'None'): void =>
    writeFileSync(join(folder, 'state'), state === 'forgotten' ? state : `${state}|${reason}`)
  queue('PENDING')
  const before = process.env.PATH
  // Programs of the shell are needed; those of a Slurm that is installed here lie beside them.
  const plain = join(folder, 'plain')
  mkdirSync(plain)
  for (const name of ['cat', 'sh', 'sed', 'mkdir', 'mv', 'rm', 'uname'])
    program(`../plain/${name}`, `exec ${['/bin', '/usr/bin'].map((at) => join(at, name)).find(existsSync)} "$@"`)
  process.env.PATH = `${bin}:${plain}`
  onTestFinished(() => {
    process.env.PATH = before
  })
  return { queue, asked: join(folder, 'asked') }
}
