import type { Job } from '../executor.ts'

/** So many tasks go into one array at most: Slurm's limit, unless it is told otherwise, is one more. */
export const ARRAY = 1_000

/** Exit status of a task whose folder is not there: of no use to any command, so that it tells that alone. */
export const NO_FOLDER = 117

/**
 * The script of all tasks of a job: told a submission and a place in it (the index in an array is added), it makes the attempt's folder, runs the command
 * there, and gives its answer away by renaming: the first complete one stays. Its exit status is written down last.
 */
export function jobScript(job: Job, before: readonly string[]): string {
  const exports = Object.entries(job.env ?? {}).map(([name, value]) => `export ${name}=${quoted(value)}`)
  return `#!/bin/sh
# ${job.title.replaceAll(/[^\x20-\x7e]/g, '?')}
folder=${quoted(job.folder)}
submission=$1
place=$((\${SLURM_ARRAY_TASK_ID:-0} + $2))
task=$(sed -n "$((place + 1))p" "$folder/submissions/$submission") && [ -n "$task" ] || {
  echo "$folder can't be seen from $(uname -n): it must be on a file system that the nodes share" >&2
  exit ${NO_FOLDER}
}
restart=\${SLURM_RESTART_COUNT:-0}
attempt=$submission.$restart.\${SLURM_JOB_ID:-$$}
QUERYLOOM_TASK=$task
QUERYLOOM_TASK_FOLDER=$folder/tasks/$task
QUERYLOOM_ATTEMPT_FOLDER=$QUERYLOOM_TASK_FOLDER/attempts/$attempt
offset=$((place / ${ARRAY} * ${ARRAY}))
QUERYLOOM_TASK_LOG=$folder/logs/$submission.$offset.$((place - offset))
export QUERYLOOM_TASK QUERYLOOM_TASK_FOLDER QUERYLOOM_ATTEMPT_FOLDER QUERYLOOM_TASK_LOG
ended() {
  printf '%s\\n' "$1" >"$folder/exits/.$task.$attempt" && mv "$folder/exits/.$task.$attempt" "$folder/exits/$task.$attempt"
  exit "$1"
}
# Another copy was first.
[ ! -d "$QUERYLOOM_TASK_FOLDER/result" ] || ended 0
mkdir -p "$QUERYLOOM_ATTEMPT_FOLDER" && cd "$QUERYLOOM_ATTEMPT_FOLDER" || exit ${NO_FOLDER}
${[...exports, ...before.map((lines) => `{\n${lines}\n} || ended $?`)].join('\n')}
(
${job.command.map(quoted).join(' ')}
)
status=$?
cd "$folder" || exit ${NO_FOLDER}
if [ $status = 0 ] && ! mv -T "$QUERYLOOM_ATTEMPT_FOLDER" "$QUERYLOOM_TASK_FOLDER/result" 2>/dev/null; then
  [ -d "$QUERYLOOM_TASK_FOLDER/result" ] || ended ${NO_FOLDER}
  rm -rf "$QUERYLOOM_ATTEMPT_FOLDER"
fi
ended $status
`
}

/** A word as the shell reads it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
