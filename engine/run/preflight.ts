import type { Registry } from '../../stages/define.ts'
import type { Diagnostic } from '../parse/diagnostic.ts'
import { Diagnostics } from '../parse/diagnostics.ts'
import type { SourcePath } from '../parse/pipeline.ts'
import type { Graph, GraphNode } from '../plan/node.ts'
import { byteText } from '../util/byte-size.ts'
import { allot } from './gpus/allot.ts'
import type { CardRequest } from './gpus/card.ts'
import { type GpuNeeds, gpuNeeds } from './gpus/needs.ts'
import { type Machine, surveyMachine } from './machine.ts'

/**
 * The first step of a run: looks what there is, and says of every stage that asks for more than that what it asks for,
 * where, and what there is. CPU slots are no matter of it: a stage that wants more than all gets all.
 */
export async function preflight(
  graph: Graph,
  nodes: readonly GraphNode[],
  registry: Registry,
  jobs?: number,
): Promise<{ machine: Machine; diagnostics: readonly Diagnostic[] }> {
  const needs = nodes.map((node) => ({
    node,
    cards: gpuNeeds(node, registry.models),
    cuda: node.definition.requiresCuda?.(node.options as never),
  }))
  const machine = await surveyMachine({
    jobs,
    cards: needs.some(({ cards, cuda }) => cards !== undefined || cuda !== undefined),
  })
  const refusals: Refusal[] = []
  const refuse = (path: SourcePath, needed: string, there: string): void => {
    refusals.push({ path, message: `this needs ${needed}, and there is ${there}` })
  }
  for (const { node, cards, cuda } of needs) {
    for (const ref of node.inputs.values()) {
      const problem = ref.type === 'encoder' ? registry.models.missing(ref.block) : undefined
      if (problem && ref.type === 'encoder')
        refusals.push({ path: ['models', ref.name, ...(problem.at === undefined ? [] : [problem.at])], ...problem })
    }
    if (cuda !== undefined && machine.gpus.cards.length === 0)
      refuse(['stages', node.stage, 'with', cuda], 'CUDA', machine.gpus.found)
    const place = ['stages', node.stage, 'resources']
    const { memory } = node.resources
    if (memory > machine.memory) refuse([...place, 'memory'], `${byteText(memory)} of memory`, byteText(machine.memory))
    const missing = cards && missingCards(cards, machine)
    if (!missing) continue
    const path = missing.model === undefined ? [...place, 'gpus'] : ['models', missing.model, 'gpus']
    refuse(path, cardsText(missing.request), machine.gpus.found)
  }
  return { machine, diagnostics: refusals.length === 0 ? [] : await located(refusals, graph.pipeline.file, registry) }
}

interface Refusal {
  path: SourcePath
  message: string
  advice?: string
}

// A graph that was remembered does not know where things are written.
async function located(refusals: readonly Refusal[], file: string, registry: Registry): Promise<readonly Diagnostic[]> {
  const { loadPipeline } = await import('../parse/load.ts')
  const { pipeline } = loadPipeline(file, { registry })
  const diagnostics = new Diagnostics()
  for (const { path, message, advice } of refusals) {
    const at = pipeline?.locate(path) ?? { file, line: 1, column: 1, length: 1 }
    diagnostics.error(at, {
      code: 'resources',
      message,
      advice: advice === undefined ? NOTHING_RAN : `Nothing was run. ${advice}`,
    })
  }
  return diagnostics.sorted(file)
}

const NOTHING_RAN = 'Nothing was run. Ask for less, or run it on a machine that has it.'

/** What can't be had, be nothing else running: the node's own cards, those of one of its models, or all together. */
function missingCards(needs: GpuNeeds, { gpus }: Machine): { request: CardRequest; model?: string } | undefined {
  const cards = gpus.cards.map(({ uuid, memory }) => ({ uuid, free: memory }))
  const { own } = needs
  const servers = [...needs.servers.values()]
  if (own && !allot([{ key: '', ...own }], cards)) return { request: own }
  for (const { name, ...request } of servers)
    if (!allot([{ key: name, ...request }], cards)) return { request, model: name }
  const all = [...(own ? [own] : []), ...servers].map((request, key) => ({ ...request, key }))
  if (all.length < 2 || allot(all, cards)) return undefined
  const together = {
    count: all.reduce((sum, { count }) => sum + count, 0),
    memory: Math.max(...all.map(({ memory }) => memory)),
  }
  return own ? { request: together } : { request: together, model: servers[0]!.name }
}

function cardsText({ count, memory }: CardRequest): string {
  const cards = count === 1 ? '1 graphics card' : `${count} graphics cards`
  return memory === 0 ? cards : `${cards} with ${byteText(memory)} free on each`
}
