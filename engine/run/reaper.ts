import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

/**
 * Waits for the end of its input, which comes however the engine ends. Then it kills the groups that the file names
 * (`+GROUP` when one started, `-GROUP` when it ended) and whatever carries the run's cookie: what moved to a session of
 * its own is found by that.
 */
const SCRIPT = `trap '' TERM INT HUP
read -r _
groups=' '
while read -r line; do
  case $line in
    +*) groups="$groups\${line#+} " ;;
    -*) groups="\${groups%% \${line#-} *} \${groups#* \${line#-} }" ;;
  esac
done <"$2"
for group in $groups; do kill -KILL -- "-$group"; done
for round in 1 2 3; do
  found=$(grep -sla -e "$1" /proc/[0-9]*/environ)
  [ -n "$found" ] || exit 0
  for file in $found; do file=\${file#/proc/}; kill -KILL "\${file%/environ}"; done
done`

/** A small process beside a run that ends the run's processes if the engine can't do it any more. */
export class Reaper {
  /** Absent if it could not be started. */
  readonly #pipe: Writable | undefined

  /** `cookie` is the `NAME=value` in the environment of every process of the run; `groups` the file that names them. */
  constructor(cookie: string, groups: string) {
    const reaper = spawn('/bin/sh', ['-c', SCRIPT, 'queryloom-reaper', cookie, groups], {
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
      // In a session of its own, so that a signal to the engine's group does not reach it.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    // Without it, the next run sweeps.
    reaper.on('error', () => {})
    this.#pipe = (reaper.stdin as Writable | null) ?? undefined
    // Nobody reads from a reaper that was killed by hand: the next run sweeps instead.
    this.#pipe?.on('error', () => {})
    reaper.unref()
    ;(this.#pipe as { unref?(): void } | undefined)?.unref?.()
  }

  /** Lets it end what is left, without waiting for it. */
  close(): void {
    this.#pipe?.end()
  }
}
