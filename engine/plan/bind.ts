import path from 'node:path'
import type { ArtifactKind, Json, OptionsSchema, SourceKind } from '../../stages/define.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { pointerOf } from '../parse/path-text.ts'
import type { Pipeline, SourcePath } from '../parse/pipeline.ts'
import { parseText, type Reference } from '../parse/references.ts'
import { suggest } from '../parse/suggest.ts'
import type { Files } from './files.ts'
import type { InputRef } from './node.ts'
import { acceptedBy, type Candidates, candidatesOf, itemCandidates, memberCandidates } from './schema-walk.ts'

/** An input as bound in a block, before it is known for which variant. */
export type Binding = {
  /** Where the reference or path is written; worked out only when asked for. */
  at: () => Position
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
  | { type: 'llm'; name: string; text: string }
  | { type: 'file'; kind: 'prompt' | 'path'; ref: InputRef }
)

/** Where a value that came from params was written. */
export interface Origin {
  at: () => Position
  references: readonly Reference[]
}

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
export interface Scope {
  pipeline: Pipeline
  /** Under the variant. */
  params: { readonly [name: string]: Json }
  files: Files
  diagnostics: Diagnostics
  /** Sizes of the declared pools, where settings of stages are read. */
  pools?: { readonly [pool: string]: number }
  /** Whether inputs can stand in the block, or only references to params (any other is reported elsewhere). */
  inputs: boolean
}

/**
 * Resolves the references of a block at `base` in the pipeline: values of params are filled in; inputs (references to
 * stages, datasets and models, and paths where the schema has a slot for them) become markers.
 */
export function bindBlock(block: Json, schema: OptionsSchema, base: SourcePath, scope: Scope): Bound {
  const binder = new Binder(base, scope)
  const value = binder.walk(block, candidatesOf(schema), [], undefined)
  return { value, bindings: binder.bindings, holes: binder.holes, origins: binder.origins }
}

class Binder {
  readonly bindings = new Map<string, Binding>()
  readonly holes = new Set<string>()
  readonly origins = new Map<string, Origin>()
  readonly #base: SourcePath
  readonly #scope: Scope

  constructor(base: SourcePath, scope: Scope) {
    this.#base = base
    this.#scope = scope
  }

  /** `origin` is set for values of params: these hold no references any more. */
  walk(value: Json, candidates: Candidates, at: SourcePath, origin: Origin | undefined): Json {
    if (typeof value === 'string') {
      return origin || !value.includes('${')
        ? this.#text(value, candidates, at, origin)
        : this.#references(value, candidates, at)
    }
    if (Array.isArray(value)) {
      const items = itemCandidates(candidates)
      return value.map((item, i) => this.walk(item, items, [...at, i], origin))
    }
    if (value === null || typeof value !== 'object') return value
    const out: { [name: string]: Json } = {}
    for (const [name, member] of Object.entries(value)) {
      const plain = member === null || typeof member === 'number' || typeof member === 'boolean'
      out[name] = plain ? member : this.walk(member, memberCandidates(candidates, name), [...at, name], origin)
    }
    return out
  }

  #references(text: string, candidates: Candidates, at: SourcePath): Json {
    const { parts, problems, only } = parseText(text)
    if (problems.length > 0) return this.#hole(at)
    const references = parts.filter((part) => typeof part === 'object')
    if (references.length === 0) return this.#text(parts.join(''), candidates, at, undefined)
    const origin: Origin = { at: () => this.#position(at, only ?? references[0]!), references }
    if (only && only.root !== 'params') return this.#input(only, candidates, at)
    const values = parts.map((part) => (typeof part === 'string' ? part : this.#param(part, at)))
    if (values.includes(undefined)) return this.#hole(at)
    this.origins.set(pointerOf(at), origin)
    if (only) return this.walk(values[0]!, candidates, at, origin)
    for (const [i, value] of values.entries()) {
      if (value === null || typeof value !== 'object') continue
      const reference = parts[i] as Reference
      const message = `\`${reference.text}\` is ${Array.isArray(value) ? 'a list' : 'a map'}, which can't stand inside a text`
      this.#scope.diagnostics.error(this.#position(at, reference), { code: 'reference-not-scalar', message })
      return this.#hole(at)
    }
    return this.#text(values.map(String).join(''), candidates, at, origin)
  }

  #param(reference: Reference, at: SourcePath): Json | undefined {
    const { root, name, rest, text } = reference
    const { diagnostics, params, pipeline } = this.#scope
    if (root !== 'params') {
      if (Object.hasOwn(pipeline[root], name))
        diagnostics.error(this.#position(at, reference), {
          code: 'reference-not-scalar',
          message: `\`${text}\` can't stand inside a text`,
          advice: 'It must be the whole value.',
        })
      return undefined
    }
    if (!Object.hasOwn(params, name)) return undefined
    let value = params[name]!
    for (const [depth, member] of rest.entries()) {
      const list = Array.isArray(value)
      const names = value !== null && typeof value === 'object' ? Object.keys(value) : []
      if (!names.includes(member)) {
        const around = ['params', name, ...rest.slice(0, depth)].join('.')
        const near = suggest(member, list ? [] : names)
        const meant = near && `\${${[around, near, ...rest.slice(depth + 1)].join('.')}}`
        diagnostics.error(this.#position(at, reference), {
          code: 'unknown-reference',
          message: `\`${around}\` has no member \`${member}\``,
          ...(meant
            ? { suggestion: meant }
            : names.length > 0 && !list
              ? { advice: `It has: ${names.join(', ')}.` }
              : {}),
        })
        return undefined
      }
      value = (value as { [name: string]: Json })[member]!
    }
    return value
  }

  #input(reference: Reference, candidates: Candidates, at: SourcePath): Json {
    const { root, name, rest, text, all = false } = reference
    const { pipeline } = this.#scope
    const named = Object.hasOwn(pipeline[root], name) && (root !== 'stages' || rest.length > 0)
    if (!this.#scope.inputs || !named) return this.#hole(at)
    const place = { at: () => this.#position(at, reference), path: at, candidates }
    const [member] = rest
    if (root === 'stages') return this.#bind({ ...place, type: 'stage', stage: name, output: member!, all, text })
    if (root === 'models') return this.#bind({ ...place, type: 'llm', name, text })
    return this.#bind({ ...place, type: 'dataset', name, text, ...(member === undefined ? {} : { split: member }) })
  }

  /** A text with nothing left to resolve: a path where the schema has a slot for one, else itself. */
  #text(text: string, candidates: Candidates, at: SourcePath, origin: Origin | undefined): Json {
    const kind = fileKind(candidates, text)
    if (kind === undefined) return text
    const { pipeline, files } = this.#scope
    // A path is relative to where its beginning was written.
    const first = origin?.references[0]
    const given = first?.index === 0 && pipeline.overridden.has(first.name)
    const folder = given ? pipeline.paramsFolder : path.dirname(pipeline.file)
    const position = origin?.at ?? (() => pipeline.locate([...this.#base, ...at]))
    const ref = files[kind]({ text, folder, free: origin !== undefined }, position)
    if (!ref) return this.#hole(at)
    return this.#bind({ type: 'file', kind, ref, at: position, path: at, candidates })
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

  #position(at: SourcePath, reference: Reference): Position {
    return this.#scope.pipeline.locateText([...this.#base, ...at], reference.index, reference.text.length)
  }
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
    case 'llm':
      return 'llm'
    case 'file':
      return binding.kind
  }
}
