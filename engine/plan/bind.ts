import path from 'node:path'
import type { ArtifactKind, Json, OptionsSchema, SourceKind } from '../../stages/define.ts'
import type { Position } from '../parse/diagnostic.ts'
import { pointerOf } from '../parse/path-text.ts'
import type { SourcePath } from '../parse/pipeline.ts'
import { parseText, type Reference } from '../parse/references.ts'
import type { Files } from './files.ts'
import { modelKind } from './model-kind.ts'
import type { InputRef } from './node.ts'
import { type Origin, throughParams } from './origin.ts'
import { type ParamScope, ParamValues } from './param-values.ts'
import { acceptedBy, type Candidates, candidatesOf, itemCandidates, memberCandidates } from './schema-walk.ts'

/** An input as bound in a block, before it is known for which variant. */
export type Binding = {
  /** Where the reference or path is written in the block; worked out only when asked for. */
  at: () => Position
  /** How it came there, if through params. */
  origin: Origin | undefined
  /** Within the block. */
  path: SourcePath
  /** What the schema says about this place; nothing where it knows none. */
  candidates: Candidates
} & (
  | {
      type: 'stage'
      stage: string
      output: string
      /** The list over the stage's variants. */
      all: boolean
      text: string
    }
  | { type: 'dataset'; name: string; split?: string; text: string }
  | { type: 'model'; kind: 'llm' | 'encoder' | 'cross-encoder'; name: string; text: string }
  | { type: 'file'; kind: 'prompt' | 'path'; ref: InputRef }
)

/** A block with its references resolved. */
export interface Bound {
  /** With `{ $input: pointer }` where an input stands. */
  value: Json
  /** By pointer within the block. */
  bindings: ReadonlyMap<string, Binding>
  /** Pointers of places that have no value because of a problem reported elsewhere. */
  holes: Set<string>
  /** By pointer; for what lies below one, too. */
  origins: ReadonlyMap<string, Origin>
}

/** What a block is resolved in. */
export interface Scope extends ParamScope {
  files: Files
  /** Sizes of the declared pools, where settings of stages are read. */
  pools?: { readonly [pool: string]: number }
  /** Whether inputs can stand in the block, or only references to params (any other is reported elsewhere). */
  inputs: boolean
}

/** Deepest nesting that values of params may have within a block. */
const MAX_DEPTH = 64
const PLAIN_VALUE = 'Only a plain value can stand there.'

/**
 * Resolves the references of a block at `base` in the pipeline: values of params are filled in; inputs (references to
 * stages, datasets and models, and paths where the schema has a slot for them) become markers.
 */
export function bindBlock(block: Json, schema: OptionsSchema, base: SourcePath, scope: Scope): Bound {
  const binder = new Binder(base, scope)
  const value = binder.walk(block, candidatesOf(schema), [], { base, cut: 0, origin: undefined })
  if (binder.values.exhausted)
    scope.diagnostics.error(scope.pipeline.locate(base, 'key'), {
      code: 'too-large',
      message: 'with the values of its params, this is larger than a pipeline may be',
      advice: 'Params that refer to others several times multiply: write less of them.',
    })
  return { value, bindings: binder.bindings, holes: binder.holes, origins: binder.origins }
}

/** Where the values being walked are written: at `at` within the block, less its first `cut` segments, below `base`. */
interface Site {
  base: SourcePath
  cut: number
  /** Set within the value of a param. */
  origin: Origin | undefined
}

class Binder {
  readonly bindings = new Map<string, Binding>()
  readonly holes = new Set<string>()
  readonly origins = new Map<string, Origin>()
  readonly values: ParamValues
  readonly #base: SourcePath
  readonly #scope: Scope

  constructor(base: SourcePath, scope: Scope) {
    this.#base = base
    this.#scope = scope
    this.values = new ParamValues(scope)
  }

  walk(value: Json, candidates: Candidates, at: SourcePath, site: Site): Json {
    if (typeof value === 'string')
      return value.includes('${')
        ? this.#references(value, candidates, at, site)
        : this.#text(value, candidates, at, site, undefined)
    if (value === null || typeof value !== 'object') return value
    if (site.origin && !this.#fits(value, at)) return this.#hole(at)
    if (Array.isArray(value)) {
      const items = itemCandidates(candidates)
      return value.map((item, i) => this.walk(item, items, [...at, i], site))
    }
    const out: { [name: string]: Json } = {}
    for (const [name, member] of Object.entries(value)) {
      const plain = member === null || typeof member === 'number' || typeof member === 'boolean'
      out[name] = plain ? member : this.walk(member, memberCandidates(candidates, name), [...at, name], site)
    }
    return out
  }

  #fits(value: object, at: SourcePath): boolean {
    if (at.length > MAX_DEPTH) this.values.exhausted = true
    return this.values.spend(1 + Object.keys(value).length)
  }

  #references(text: string, candidates: Candidates, at: SourcePath, site: Site): Json {
    const { parts, problems, only } = parseText(text)
    if (problems.length > 0) return this.#hole(at)
    const references = parts.filter((part) => typeof part === 'object')
    if (references.length === 0) return this.#text(parts.join(''), candidates, at, site, undefined)
    if (only && only.root !== 'params') return this.#input(only, candidates, at, site)
    const place = placeOf(at, site)
    const origin = (values: Origin['values']): Origin => ({
      pipeline: this.#scope.pipeline,
      at: site.origin?.at ?? (() => this.#position(references[0]!, place)),
      references: site.origin?.references ?? references,
      values: [...(site.origin?.values ?? []), ...values],
    })
    const resolve = (): Json | undefined => {
      if (only) {
        const found = this.values.find(only, place)
        if (!found) return undefined
        const through = origin(found.values)
        this.origins.set(pointerOf(at), through)
        return this.walk(found.value, candidates, at, { base: found.path, cut: at.length, origin: through })
      }
      const filled = this.values.fill(parts, place)
      if (!filled) return undefined
      const through = origin(filled.values)
      this.origins.set(pointerOf(at), through)
      return this.#text(filled.text, candidates, at, { ...site, origin: through }, filled.start)
    }
    // What the block itself says is needed by no param.
    const bound = site.origin ? this.values.within(place, resolve) : resolve()
    return bound === undefined ? this.#hole(at) : bound
  }

  #input(reference: Reference, candidates: Candidates, at: SourcePath, site: Site): Json {
    const { root, name, rest, text, all = false } = reference
    const { pipeline, inputs, diagnostics } = this.#scope
    const { origin } = site
    if (!Object.hasOwn(pipeline[root], name) || (root === 'stages' && rest.length === 0)) return this.#hole(at)
    if (!inputs) {
      const message = `no input can stand in \`${at.at(-1) ?? name}\`, and \`${text}\` is one`
      if (origin)
        diagnostics.error(origin.at(), throughParams({ code: 'wrong-edge-type', message, advice: PLAIN_VALUE }, origin))
      return this.#hole(at)
    }
    const position = origin?.at ?? (() => this.#position(reference, placeOf(at, site)))
    const place = { at: position, origin, path: at, candidates }
    const [member] = rest
    if (root === 'stages') return this.#bind({ ...place, type: 'stage', stage: name, output: member!, all, text })
    if (root === 'models')
      return this.#bind({ ...place, type: 'model', kind: modelKind(pipeline.models[name]), name, text })
    return this.#bind({ ...place, type: 'dataset', name, text, ...(member === undefined ? {} : { split: member }) })
  }

  /** A text with nothing left to resolve: a path where the schema has one, else itself; `start` if it was put together. */
  #text(text: string, candidates: Candidates, at: SourcePath, site: Site, start: SourcePath | undefined): Json {
    const { pipeline, files } = this.#scope
    const { origin } = site
    if (origin && candidates.some(({ relative }) => relative === true) && !/^[a-z][a-z0-9+.-]*:/i.test(text)) {
      const folder = pipeline.folder(start ?? placeOf(at, site))
      // Whoever reads the block takes a path to be relative to where the block stands.
      return folder === pipeline.folder(this.#base) ? text : path.resolve(folder, text)
    }
    const kind = fileKind(candidates, text)
    if (kind === undefined) return text
    const folder = pipeline.folder(start ?? placeOf(at, site))
    const position = origin?.at ?? (() => pipeline.locate([...this.#base, ...at]))
    const ref = files[kind]({ text, folder, origin }, position)
    if (!ref) return this.#hole(at)
    return this.#bind({ type: 'file', kind, ref, at: position, origin, path: at, candidates })
  }

  #bind(binding: Binding): Json {
    const pointer = pointerOf(binding.path)
    this.bindings.set(pointer, binding)
    return { $input: pointer }
  }

  #hole(at: SourcePath): Json {
    const pointer = pointerOf(at)
    this.holes.add(pointer)
    return { $input: pointer }
  }

  #position(reference: Reference, place: SourcePath): Position {
    return this.#scope.pipeline.locateText(place, reference.index, reference.text.length)
  }
}

function placeOf(at: SourcePath, { base, cut }: Site): SourcePath {
  return [...base, ...at.slice(cut)]
}

// The kind of path that a text is here, if it is one. `retriever: bm25` is none, although a path could stand there too.
function fileKind(candidates: Candidates, text: string): 'prompt' | 'path' | undefined {
  const accepted = acceptedBy(candidates)
  const kind = accepted.includes('prompt') ? 'prompt' : accepted.includes('path') ? 'path' : undefined
  return kind === undefined || candidates.some((schema) => isPlainText(schema, text)) ? undefined : kind
}

function isPlainText(schema: OptionsSchema, text: string): boolean {
  if (schema.slot) return false
  if (schema.const !== undefined) return schema.const === text
  if (schema.enum) return schema.enum.includes(text)
  if (!(schema.type === 'string' || (Array.isArray(schema.type) && schema.type.includes('string')))) return false
  return typeof schema.pattern !== 'string' || new RegExp(schema.pattern, 'u').test(text)
}

/** The kind that a binding has for slots; of an output, it is known by whoever knows that stage. */
export function kindOf(
  binding: Binding,
  outputKind: (stage: string, output: string) => ArtifactKind | 'unknown',
): ArtifactKind | SourceKind | 'unknown' {
  switch (binding.type) {
    case 'stage':
      return outputKind(binding.stage, binding.output)
    case 'dataset':
      return binding.split === undefined ? 'dataset' : 'split'
    case 'model':
    case 'file':
      return binding.kind
  }
}
