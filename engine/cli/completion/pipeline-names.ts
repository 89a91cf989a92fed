import { resolve } from 'node:path'
import type { Registry } from '../../../stages/define.ts'
import type { PipelineNames } from './complete.ts'

/** Names in a pipeline file, read without opening a store or writing anything; of one that lacks a file, say, those of its stages only. */
export async function pipelineNames(registry: Registry): Promise<PipelineNames> {
  const { loadGraph } = await import('../../plan/load-graph.ts')
  const { loadPipeline } = await import('../../parse/load.ts')
  return {
    stages(file) {
      const { pipeline, graph } = loadGraph(resolve(file), { registry })
      if (!graph) return Object.keys(pipeline?.stages ?? {})
      const nodes = [...graph.nodes.values()]
      return [...new Set([...nodes.map(({ stage }) => stage), ...nodes.map(({ id }) => id)])]
    },
    params: (file) => Object.keys(loadPipeline(resolve(file), { registry }).pipeline?.params ?? {}),
    variants(file) {
      const { pipeline } = loadPipeline(resolve(file), { registry })
      return (pipeline?.axes ?? []).flatMap(({ param, values }) => values.map(({ label }) => `${param}=${label}`))
    },
  }
}
