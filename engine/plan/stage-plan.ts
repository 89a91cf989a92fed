import type { AnyStageDefinition, ArtifactKind, Json } from '../../stages/define.ts'
import { explainErrors, type SchemaProblem } from '../parse/explain.ts'
import { pathOf, pointerOf } from '../parse/path-text.ts'
import type { Pipeline, SourcePath, StageBlock } from '../parse/pipeline.ts'
import { SETTINGS_SCHEMA } from '../parse/schema.ts'
import { type InputKinds, validate } from '../parse/validate.ts'
import { type Binding, type Bound, bindBlock, kindOf, type Scope } from './bind.ts'
import { withDefaults } from './defaults.ts'
import { checkEdge, type OutputKinds, reportNoSlot } from './edge.ts'
import { reportInBlock } from './locate-problem.ts'
import { modelKind } from './model-kind.ts'
import { acceptedBy, candidatesAt } from './schema-walk.ts'
import { type NodeSettings, readSettings } from './settings.ts'

/** A stage with the params of one variant filled in. */
export interface BoundStage {
  bound: Bound
  outputs: { readonly [name: string]: ArtifactKind } | undefined
  settings: NodeSettings | undefined
}

/**
 * Fills params, inputs and defaults into a stage. Outputs are there if they can be told from the options. Undefined
 * where `when` is false: its options are not looked at, because a variant without the stage need not have values for it.
 */
export function bindStage(block: StageBlock, definition: AnyStageDefinition, scope: Scope): BoundStage | undefined {
  const settings = readSettings(block, scope)
  if (settings?.when === false) return undefined
  const base = ['stages', block.name, 'with']
  const bound = bindBlock(block.with as Json, definition.options, base, scope)
  return { bound, outputs: outputsOf(definition, bound), settings }
}

function outputsOf(definition: AnyStageDefinition, bound: Bound): BoundStage['outputs'] {
  if (typeof definition.outputs === 'object') return definition.outputs
  const unknown: InputKinds = new Map([...bound.bindings.keys(), ...bound.holes].map((name) => [name, 'unknown']))
  try {
    return definition.outputs(withDefaults(definition.options, bound.value, unknown))
  } catch {
    // Options may still be anything here; `checkStage` calls again once they are known to be right.
    return undefined
  }
}

/**
 * Checks a bound stage: the kinds of its inputs, its options by their schema, the definition's own rules. Gives the
 * finished options, or undefined after reporting.
 */
export function checkStage(
  block: StageBlock,
  definition: AnyStageDefinition,
  { bound }: BoundStage,
  outputsOfStage: (name: string) => OutputKinds | undefined,
  scope: Scope,
): { options: Json; outputs: { readonly [name: string]: ArtifactKind } } | undefined {
  const { pipeline, diagnostics } = scope
  const base = ['stages', block.name, 'with']
  const kinds = new Map<string, ReturnType<typeof kindOf>>()
  for (const [name, binding] of bound.bindings) {
    if (checkEdge(binding, outputsOfStage, scope)) kinds.set(name, kindOf(binding, onlyKind(outputsOfStage)))
    else bound.holes.add(name)
  }
  for (const hole of bound.holes) kinds.set(hole, 'unknown')
  const options = withDefaults(definition.options, bound.value, kinds)
  const problems = explainErrors(validate(definition.options, options, kinds)).map((problem) =>
    withHints(problem, block, definition, outputsOfStage, pipeline),
  )
  for (const binding of bound.bindings.values()) {
    if (
      binding.candidates.length > 0 ||
      binding.type === 'file' ||
      problems.some((problem) => isUnknownAbove(problem, binding))
    )
      continue
    reportNoSlot(binding, diagnostics)
    bound.holes.add(pointerOf(binding.path))
  }
  if (problems.length === 0 && bound.holes.size === 0) {
    for (const { at, message, advice } of definition.check?.(options) ?? []) {
      const facts = { path: pathOf(at), what: 'value', code: 'stage-option', message } as const
      problems.push(advice === undefined ? facts : { ...facts, advice })
    }
  }
  for (const problem of problems) {
    // What is wrong with all of `with` is said at the stage's name.
    if (problem.path.length > 0) reportInBlock([problem], bound, base, pipeline, diagnostics)
    else reportInBlock([{ ...problem, what: 'key' }], bound, base.slice(0, 2), pipeline, diagnostics)
  }
  if (problems.length > 0 || bound.holes.size > 0) return undefined
  const { outputs } = definition
  return { options, outputs: typeof outputs === 'function' ? outputs(options) : outputs }
}

function onlyKind(
  outputsOfStage: (name: string) => OutputKinds | undefined,
): (stage: string, output: string) => ArtifactKind | 'unknown' {
  return (stage, output) => {
    const kinds = outputsOfStage(stage)?.get(output)
    return kinds?.size === 1 ? [...kinds][0]! : 'unknown'
  }
}

function isUnknownAbove({ code, path }: SchemaProblem, binding: Binding): boolean {
  return code === 'unknown-key' && path.every((segment, i) => String(segment) === String(binding.path[i]))
}

/** Adds what only the pipeline can tell about a problem of a stage's options. */
function withHints(
  problem: SchemaProblem,
  { with: written }: StageBlock,
  definition: AnyStageDefinition,
  outputsOfStage: (name: string) => OutputKinds | undefined,
  pipeline: Pipeline,
): SchemaProblem {
  const { suggestion: _, ...rest } = problem
  const [key] = problem.path
  if (problem.code === 'unknown-key' && problem.path.length === 1 && STAGE_KEYS.includes(String(key)))
    return { ...rest, advice: `\`${key}\` is a key of the stage: it stands beside \`with\`.` }
  // `from: queries` where `${stages.queries.pairs}` was meant.
  const text = valueAt(written as Json, problem.path)
  if (problem.code !== 'wrong-type' || typeof text !== 'string') return problem
  if (/^(params|datasets|models|stages)(\.[\w-]+)+$/.test(text)) return { ...rest, suggestion: `\${${text}}` }
  const accepted: readonly string[] = acceptedBy(candidatesAt(definition.options, problem.path))
  for (const [section, kind] of [
    ['datasets', 'dataset'],
    ['models', modelKind(pipeline.models[text])],
  ] as const)
    if (accepted.includes(kind) && Object.hasOwn(pipeline[section], text))
      return { ...rest, suggestion: `\${${section}.${text}}` }
  const fits = [...(outputsOfStage(text) ?? [])].filter(([, kinds]) =>
    [...kinds].every((kind) => accepted.includes(kind)),
  )
  const [first] = fits.map(([name]) => `\${stages.${text}.${name}}`).sort()
  return first === undefined ? problem : { ...rest, suggestion: first }
}

const STAGE_KEYS = [...Object.keys(SETTINGS_SCHEMA.properties ?? {}), 'after', 'pass_env', 'description', 'uses']

function valueAt(value: Json, path: SourcePath): Json | undefined {
  let found: Json | undefined = value
  for (const segment of path) {
    if (found === null || typeof found !== 'object' || !Object.hasOwn(found, segment)) return undefined
    found = (found as { [name: string]: Json })[segment]
  }
  return found
}
