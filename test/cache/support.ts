import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { FileSystemClock } from '../../cache/fs-clock.ts'

/** Makes fresh folders that are removed when the tests of the file have ended. */
export function freshFolders(): () => string {
  const made: string[] = []
  afterAll(() => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true })
  })
  return () => {
    const folder = mkdtempSync(join(tmpdir(), 'queryloom-cache-'))
    made.push(folder)
    return folder
  }
}

/** A clock so far ahead that every file counts as unchanged for long. */
export function lateClock(folder: string): FileSystemClock {
  const { dev } = statSync(folder, { bigint: true })
  return () => ({ device: dev, ns: BigInt(Date.now() + 3600_000) * 1_000_000n })
}

/** Waits (some milliseconds where its clock is coarse) until a change of the file is bound to show in its times. */
export function untilLaterThan(path: string): void {
  const { ctimeNs } = statSync(path, { bigint: true })
  const touched = join(mkdtempSync(join(tmpdir(), 'queryloom-clock-')), 'touched')
  do writeFileSync(touched, '')
  while (statSync(touched, { bigint: true }).mtimeNs <= ctimeNs)
  rmSync(dirname(touched), { recursive: true })
}

/** Starts a program of `fixtures/`, and hands over its lines of output as they come. */
export function startFixture(name: string, args: readonly string[], onLine: (line: string) => void): RunningFixture {
  const program = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', onLine)
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, ended }
}

export interface RunningFixture {
  child: ChildProcess
  ended: Promise<number | null>
}
