import type { Command } from 'commander'
import { complete } from '../completion/complete.ts'
import { pipelineNames } from '../completion/pipeline-names.ts'
import { COMPLETION_SCRIPTS, type Shell } from '../completion/shells.ts'
import { ExitStatus } from '../exit-status.ts'
import { print } from '../print.ts'

/** `queryloom completion SHELL`: prints what the shell reads. */
export function completionCommand(shell: Shell): ExitStatus {
  print(COMPLETION_SCRIPTS[shell].trimEnd())
  return ExitStatus.ok
}

/** `queryloom complete -- WORD...`, which these scripts call: what could stand in place of the last word. */
export async function completeCommand(program: Command, words: readonly string[]): Promise<ExitStatus> {
  const { candidates, files } = await complete(program, words, async () => {
    const { registry } = await import('../../../stages/registry.ts')
    return pipelineNames(registry)
  })
  for (const { word, meaning } of candidates) print(meaning === '' ? word : `${word}\t${meaning}`)
  if (files) print(`:${files}`)
  return ExitStatus.ok
}
