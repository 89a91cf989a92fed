import { execFile } from 'node:child_process'
import { StageError } from '../../../stages/define.ts'

/** The programs of Slurm that are called. */
type SlurmProgram = 'sbatch' | 'squeue' | 'scancel' | 'sacct'

/** What a call came to. `away`: Slurm did not answer, which passes; `refused`: it did, and said no. */
type SlurmAnswer =
  | { kind: 'answer'; text: string }
  | { kind: 'away'; message: string }
  | { kind: 'refused'; message: string }

/** Calls the programs of Slurm; a seam for tests of what it says. */
export type CallSlurm = (
  program: SlurmProgram,
  words: readonly string[],
  /** Variables that are handed on to jobs beside the kept ones. */
  passed?: { readonly [name: string]: string },
) => Promise<SlurmAnswer>

/** The installed Slurm, and how often it was called. */
export interface SlurmCalls {
  call: CallSlurm
  counts: { readonly [program in SlurmProgram]: number }
}

const DEADLINE_MS = 120_000
const MOST_BYTES = 256 << 20

/** What Slurm's programs say when its daemons are down, starting, or too busy. */
const AWAY =
  /unable to contact|socket timed out|connection refused|connection reset|broken pipe|connection timed out|connection failure|communication|standby|temporarily|zero bytes|authentication|munge|resource unavailable|try again|not responding|no route to host|initgroups|gres_plugin_node_config_unpack/i

/**
 * Variables that the programs see, and with them the jobs: `sbatch` hands its whole environment on. Nothing of the
 * shell's settings, nothing secret, and no word of a job that the engine itself may run in.
 */
const KEPT = /^(PATH|HOME|USER|LOGNAME|SHELL|LD_LIBRARY_PATH|SLURM_CONF|MODULEPATH|MODULESHOME|LMOD_.*|XDG_CACHE_HOME)$/

/** Calls the installed Slurm, and counts the calls. */
export function slurmCalls(): SlurmCalls {
  const counts = { sbatch: 0, squeue: 0, scancel: 0, sacct: 0 }
  const kept = Object.entries(process.env).filter(([name]) => KEPT.test(name))
  const known = { ...Object.fromEntries(kept), LC_ALL: 'C' }
  const call: CallSlurm = (program, words, passed = {}) =>
    new Promise((resolve, reject) => {
      counts[program]++
      const options = {
        env: { ...known, ...passed },
        timeout: DEADLINE_MS,
        killSignal: 'SIGKILL',
        maxBuffer: MOST_BYTES,
      } as const
      execFile(program, [...words], options, (error, stdout, stderr) => {
        const { code, killed } = (error ?? {}) as { code?: unknown; killed?: boolean }
        const message = stderr
          .trim()
          .replaceAll(new RegExp(`^(${program}|slurm_load_jobs)?:? ?(error|fatal): `, 'gm'), '')
        if (!error) resolve({ kind: 'answer', text: stdout })
        // Clusters without accounting may do without its program.
        else if (code === 'ENOENT' && program !== 'sacct') reject(notThere(program))
        else if (killed) resolve({ kind: 'away', message: `${program} did not answer within ${DEADLINE_MS / 1000} s` })
        else resolve({ kind: AWAY.test(message) ? 'away' : 'refused', message: message || error.message })
      })
    })
  return { call, counts }
}

function notThere(program: string): StageError {
  return new StageError(`Slurm is not installed here: the program ${program} was not found`, {
    advice: 'Call queryloom where jobs can be submitted, or leave `executor: slurm` out.',
  })
}
