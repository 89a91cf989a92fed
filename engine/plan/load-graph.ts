import type { Diagnostic } from '../parse/diagnostic.ts'
import { sortDiagnostics } from '../parse/diagnostics.ts'
import { type LoadOptions, loadPipeline } from '../parse/load.ts'
import type { Pipeline } from '../parse/pipeline.ts'
import { buildGraph } from './graph.ts'
import type { Graph } from './node.ts'
import type { Question } from './outside.ts'

/** A pipeline file turned into a graph. */
export interface LoadedGraph {
  pipeline?: Pipeline
  /** There only if nothing is wrong. */
  graph?: Graph
  /** Everything that is wrong with the file, found in one go, by place. */
  diagnostics: readonly Diagnostic[]
  questions: readonly Question[]
}

/** Reads a pipeline file, checks all of it and expands it: what every command begins with. */
export function loadGraph(file: string, options: LoadOptions): LoadedGraph {
  const { pipeline, diagnostics: form } = loadPipeline(file, options)
  if (!pipeline) return { diagnostics: form, questions: [] }
  const { graph, diagnostics: meaning, questions } = buildGraph(pipeline, options.registry)
  const diagnostics = sortDiagnostics([...form, ...meaning], pipeline.file)
  const sound = form.every(({ severity }) => severity !== 'error')
  return { pipeline, ...(graph && sound ? { graph } : {}), diagnostics, questions }
}
