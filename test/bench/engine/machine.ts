import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'

/** Where a measurement was taken. */
export interface Machine {
  cores: number
  processor: string
  memory: number
  kernel: string
  node: string
  /** Kind of the file system that the peers worked on. */
  fileSystem: string
}

/** This machine, working in `folder`. */
export function thisMachine(folder: string): Machine {
  const all = cpus()
  const { stdout } = spawnSync('df', ['--output=fstype', folder], { encoding: 'utf8' })
  return {
    cores: all.length,
    processor: all[0]?.model.trim() ?? 'unknown',
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    fileSystem: (stdout ?? '').trim().split('\n')[1] ?? 'unknown',
  }
}

/** How many processes wanted a core in the last minute, on average. */
export function load(): number {
  return loadavg()[0] as number
}
