import { compareUtf8 } from '../../cache/canonical.ts'
import type { DatasetPlace, Json, Shown } from '../../stages/define.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { pathOf } from '../parse/path-text.ts'
import type { Pipeline } from '../parse/pipeline.ts'
import type { GraphNode } from './node.ts'

/**
 * Keeps labelled queries that models are shown apart from those that are measured on: a split that is both is an error.
 * Where the pipeline allows it, every node that measures on the split leaves out what any node may show of it.
 */
export function keepShownApart(nodes: Iterable<GraphNode>, pipeline: Pipeline, diagnostics: Diagnostics): void {
  const shown = new Map<string, { node: GraphNode; split: string; shows: Shown }[]>()
  const measured: { node: GraphNode; split: string }[] = []
  for (const node of nodes) {
    const { shows, measures } = node.definition
    for (const one of shows?.(node.options as never) ?? []) {
      const split = splitAt(node, one.input)
      if (split !== undefined) shown.set(split, [...(shown.get(split) ?? []), { node, split, shows: one }])
    }
    const split = measures && splitAt(node, measures.input)
    if (split !== undefined) measured.push({ node, split })
  }
  const reported = new Set<string>()
  for (const { node, split } of measured) {
    const shownHere = shown.get(split) ?? []
    for (const one of shownHere) {
      if (one.shows.allowed || reported.has(one.node.stage)) continue
      reported.add(one.node.stage)
      report(one, node, pipeline, diagnostics)
    }
    if (shownHere.length === 0) continue
    const drawn = new Map(shownHere.map(({ shows }) => [JSON.stringify(shows.drawn), shows.drawn]))
    const sorted: Json[] = [...drawn].sort(([a], [b]) => compareUtf8(a, b)).map(([, how]) => how)
    node.options = node.definition.measures!.without(node.options as never, sorted)
  }
}

/** A split is known by its judgements: datasets of several names may share them. */
function splitAt(node: GraphNode, input: string): string | undefined {
  const ref = node.inputs.get(input)
  const place = ref?.type === 'dataset' ? ref.parts.qrels : undefined
  return place === undefined || typeof place === 'string' ? place : JSON.stringify(placeOf(place))
}

// Where it was fetched from does not matter, nor how its columns are called.
function placeOf(place: Exclude<DatasetPlace, string>): Json {
  if ('remote' in place) return [place.remote.pin, place.reading?.part ?? null]
  return [place.path, [...(place.files ?? [])], place.reading?.part ?? null]
}

function report(
  { node, shows }: { node: GraphNode; shows: Shown },
  measuring: GraphNode,
  pipeline: Pipeline,
  diagnostics: Diagnostics,
): void {
  const ref = node.inputs.get(shows.input)
  const name = ref?.type === 'dataset' ? `${ref.name}.${ref.split}` : shows.input
  diagnostics.error(pipeline.locate(['stages', node.stage, 'with', ...pathOf(shows.input)]), {
    code: 'leakage',
    message: `the model is shown labelled queries of ${name}, on which \`${measuring.stage}\` measures`,
    advice:
      'Take them from a split that nothing measures on, such as train. With `allow_evaluated: true` they are left out of every evaluation instead.',
  })
}
