import type { Command } from 'commander'
import type { Graph } from '../plan/node.ts'
import { type Selection, selectNodes } from '../plan/selection.ts'
import type { CommonOptions } from './options.ts'

/** Options that choose what of a pipeline is run, and what is run again; each may be repeated. */
export interface SelectionOptions extends CommonOptions {
  from?: readonly string[]
  force?: readonly string[]
  reobserve?: readonly string[]
}

/** Gives a command the options that choose nodes. */
export function withSelectionOptions(command: Command): Command {
  const gather = (name: string, before: readonly string[] = []): readonly string[] => [...before, name]
  return command
    .option('--from <STAGE>', 'this stage and everything after it, with what that needs (repeatable)', gather)
    .option('--force <STAGE>', 'execute it again; stored answers of models are served (repeatable)', gather)
    .option('--reobserve <STAGE>', 'execute it again and ask models again: pays again (repeatable)', gather)
}

/** The chosen nodes; undefined after telling which names mean nothing. */
export function chosenNodes(graph: Graph, names: readonly string[], options: SelectionOptions): Selection | undefined {
  const { from = [], force = [], reobserve = [] } = options
  const selection = selectNodes(graph, { only: names, from, force, reobserve })
  if (!('problems' in selection)) return selection
  for (const problem of selection.problems) process.stderr.write(`${problem}\n`)
  return undefined
}
