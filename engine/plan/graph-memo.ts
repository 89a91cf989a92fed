import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { freshNonce } from '../../cache/durable.ts'
import type { Registry } from '../../stages/define.ts'
import type { Diagnostic, Position } from '../parse/diagnostic.ts'
import { projectRoot } from '../parse/project-root.ts'
import { readSource, Source } from '../parse/source.ts'
import { buildOf } from '../util/build.ts'
import type { Graph, GraphNode, InputRef, NodeId } from './node.ts'
import { type Question, stillAnswered } from './outside.ts'

/** A graph as it was expanded from exactly these sources and answers. */
export interface RememberedGraph {
  graph: Graph
  /** Warnings; a graph with errors is none. */
  diagnostics: readonly Diagnostic[]
}

/** What a command says of a pipeline; with the content of what it reads, it decides the graph. */
export interface GraphRequest {
  file: string
  params: { readonly [name: string]: string }
  paramsFiles: readonly string[]
  paramsFolder: string
  only: { readonly [axis: string]: readonly string[] }
}

/** The newest few are kept: one for each way in which people call their pipelines. */
const KEPT = 32

interface StoredNode extends Omit<GraphNode, 'definition' | 'inputs' | 'position'> {
  uses: string
  inputs: [string, InputRef][]
}

interface Stored extends Omit<Graph, 'nodes' | 'dependents'> {
  questions: readonly Question[]
  diagnostics: readonly Diagnostic[]
  nodes: StoredNode[]
  positions: { [stage: string]: Position }
}

/**
 * Remembers expanded graphs in files of the store, so that an unchanged pipeline is neither parsed nor checked again.
 * What it gives was expanded from the same bytes by the same version of queryloom, and every question that was asked
 * about files, datasets and models still has the same answer. It can be deleted at any time.
 */
export class GraphMemo {
  readonly #folder: string
  readonly #registry: Registry

  constructor(store: string, registry: Registry) {
    this.#folder = join(store, 'graphs')
    this.#registry = registry
  }

  /** The graph of this request, if it is remembered and still right. */
  recall(request: GraphRequest): RememberedGraph | undefined {
    const path = this.#path(request)
    const stored = path === undefined ? undefined : readStored(path)
    if (!stored || !this.#isCurrent(stored)) return undefined
    const nodes = new Map<NodeId, GraphNode>()
    const dependents = new Map<NodeId, NodeId[]>()
    for (const { uses, inputs, ...facts } of stored.nodes) {
      const definition = this.#registry.stages[uses]
      const position = stored.positions[facts.stage]
      if (!definition || !position) return undefined
      nodes.set(facts.id, { ...facts, definition, inputs: new Map(inputs), position })
      dependents.set(facts.id, [])
      for (const needed of facts.needs) dependents.get(needed)?.push(facts.id)
    }
    const { questions: _, positions: __, diagnostics, ...graph } = stored
    return { graph: { ...graph, nodes, dependents }, diagnostics }
  }

  /** Remembers a graph. Failing to is no failure: it is expanded again next time. */
  remember(request: GraphRequest, { graph, diagnostics }: RememberedGraph, questions: readonly Question[]): void {
    const path = this.#path(request)
    if (path === undefined) return
    const positions: { [stage: string]: Position } = {}
    const nodes = [...graph.nodes.values()].map((node): StoredNode => {
      positions[node.stage] ??= node.position
      const { definition, inputs, position: _, ...facts } = node
      return { ...facts, uses: definition.type, inputs: [...inputs] }
    })
    const { dependents: _, ...rest } = graph
    const text = JSON.stringify({ ...rest, nodes, positions, diagnostics, questions } satisfies Stored)
    try {
      mkdirSync(this.#folder, { recursive: true })
      const temporary = `${path}.${freshNonce()}.tmp`
      writeFileSync(temporary, `${checksum(text)} ${text}`)
      renameSync(temporary, path)
      this.#trim()
    } catch {
      // The disk is full or read-only: whatever must be written will say so.
    }
  }

  #isCurrent({ pipeline, questions }: Stored): boolean {
    return (
      projectRoot(join(pipeline.file, '..')) === pipeline.root &&
      pipeline.sources.every(({ file, digest }) => {
        const source = readSource(file)
        return source instanceof Source && source.digest === digest
      }) &&
      stillAnswered(questions, this.#registry)
    )
  }

  #path(request: GraphRequest): string | undefined {
    const build = buildOf()
    if (build === undefined) return undefined
    const key = sha256(canonicalBytes('graph', { build, ...request }))
    return join(this.#folder, `${hexOf(key).slice(0, 32)}.json`)
  }

  #trim(): void {
    const names = readdirSync(this.#folder)
    if (names.length <= KEPT) return
    const aged = names.map((name) => ({ name, at: statSync(join(this.#folder, name)).mtimeMs }))
    for (const { name } of aged.sort((a, b) => b.at - a.at).slice(KEPT)) rmSync(join(this.#folder, name))
  }
}

function readStored(path: string): Stored | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    return text.slice(0, 8) === checksum(text.slice(9)) ? (JSON.parse(text.slice(9)) as Stored) : undefined
  } catch {
    return undefined
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
