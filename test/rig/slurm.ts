import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'

const SCRIPTS = resolve(packageRoot, '../shared/slurm')

/** Why there is no cluster here; undefined if there can be one. */
const noSlurm: string | undefined = !existsSync(join(SCRIPTS, 'up'))
  ? 'these tests need a real Slurm, which ../shared/slurm/up starts; it is not there'
  : process.getuid?.() === 0
    ? undefined
    : 'these tests start a real Slurm, which takes root'

if (noSlurm !== undefined) process.stderr.write(`skipped: ${noSlurm}\n`)

/** A real cluster on this machine. */
export interface Cluster {
  /** Its folder; what is below is seen by all nodes. */
  folder: string
  /** What its programs need in their environment. */
  env: { SLURM_CONF: string }
  /** Calls a program of Slurm; gives what it prints. */
  call(program: string, ...words: string[]): string
  /** SIGKILL of a daemon: `slurmctld`, or `slurmd.n1`. */
  kill(daemon: string): void
  /** Starts the daemons that are not there. */
  mend(): void
  /** Jobs of `main` and `killable` that are queued or running; in `urgent` others may be. */
  jobs(): string[]
}

/** Tests on one cluster, which is started before the first and stopped after the last; skipped where there can't be one. */
export function onCluster(
  title: string,
  options: { nodes: number; env?: { readonly [name: string]: string } },
  tests: (cluster: Cluster) => void,
): void {
  describe.skipIf(noSlurm !== undefined)(title, () => {
    const folder = noSlurm === undefined ? mkdtempSync(join(tmpdir(), 'ql-slurm-')) : '/nowhere'
    const env = { SLURM_CONF: join(folder, 'slurm.conf') }
    const up = (): void => {
      execFileSync(join(SCRIPTS, 'up'), [folder, String(options.nodes)], {
        env: { ...process.env, ...options.env },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
    }
    const call: Cluster['call'] = (program, ...words) =>
      execFileSync(program, words, {
        env: { ...process.env, ...env },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    beforeAll(() => {
      up()
      process.env.SLURM_CONF = env.SLURM_CONF
    })
    afterAll(() => {
      execFileSync(join(SCRIPTS, 'down'), [folder], { env: { ...process.env, PURGE: '1' }, stdio: 'ignore' })
      rmSync(folder, { recursive: true, force: true })
      delete process.env.SLURM_CONF
    })
    tests({
      folder,
      env,
      call,
      kill: (daemon) => process.kill(Number(readFileSync(join(folder, 'run', `${daemon}.pid`), 'utf8')), 'SIGKILL'),
      mend: up,
      jobs: () =>
        call('squeue', '--noheader', '--array', '--partition=main,killable', '--format=%i').split('\n').filter(Boolean),
    })
  })
}
