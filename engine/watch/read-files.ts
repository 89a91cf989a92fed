import { dirname, resolve } from 'node:path'
import type { Registry } from '../../stages/define.ts'
import type { LoadedGraph } from '../plan/load-graph.ts'
import { localPaths } from '../plan/source-files.ts'

/**
 * Every file and folder that decides a plan, whether or not it is there: the pipeline and what it includes, params files,
 * prompts, data, models. Of a broken pipeline, as far as it could be read.
 */
export function filesRead(
  file: string,
  { pipeline, graph, diagnostics, questions }: LoadedGraph,
  registry: Registry,
): ReadonlySet<string> {
  const read = new Set([file, ...diagnostics.map((diagnostic) => diagnostic.file)])
  for (const source of pipeline?.sources ?? []) read.add(source.file)
  for (const question of questions) {
    if (question.ask === 'look' || question.ask === 'text') read.add(question.path)
    else if (question.ask === 'glob') read.add(question.folder)
  }
  for (const node of graph?.nodes.values() ?? []) {
    for (const ref of node.inputs.values()) {
      if (ref.type === 'dataset')
        for (const place of Object.values(ref.parts)) for (const path of localPaths(place)) read.add(path)
      if (ref.type === 'encoder' || ref.type === 'llm')
        for (const path of registry.models.files(ref.block, ref.folder)) read.add(resolve(ref.folder, path))
    }
  }
  // Problems of the command line have no file.
  return new Set([...read].filter((path) => path !== '' && dirname(path) !== '.'))
}
