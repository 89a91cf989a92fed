import type { ArtifactKind } from '../../stages/define.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { kindsInWords } from '../parse/kinds.ts'
import { suggest } from '../parse/suggest.ts'
import { type Binding, kindOf, type Scope } from './bind.ts'
import { modelKind } from './model-kind.ts'
import { throughParams } from './origin.ts'
import { acceptedBy, listsAt } from './schema-walk.ts'

/** Kinds of a stage's outputs; several where they differ between variants. */
export type OutputKinds = ReadonlyMap<string, ReadonlySet<ArtifactKind>>

/** Whether what an input names can stand where it stands; reports if not. */
export function checkEdge(
  binding: Binding,
  outputsOfStage: (name: string) => OutputKinds | undefined,
  scope: Scope,
): boolean {
  const { diagnostics } = scope
  if (binding.type === 'file') return true
  const { at, candidates, text, origin } = binding
  const accepted = acceptedBy(candidates)
  if (accepted.length === 0) {
    // What the schema says nothing about is most likely misspelt, and the schema's own errors tell.
    if (candidates.length > 0) reportNoSlot(binding, diagnostics)
    return candidates.length === 0
  }
  const outputs = binding.type === 'stage' ? outputsOfStage(binding.stage) : undefined
  if (binding.type === 'stage') {
    if (!outputs) return true
    if (!outputs.has(binding.output)) {
      const names = [...outputs.keys()].sort()
      const near = suggest(binding.output, names)
      const facts = {
        code: 'unknown-reference' as const,
        message: `stage \`${binding.stage}\` has no output \`${binding.output}\``,
        ...(near !== undefined
          ? { suggestion: `\${stages.${binding.stage}.${near}${binding.all ? '[*]' : ''}}` }
          : { advice: names.length === 0 ? 'It has no outputs.' : `Its outputs: ${names.join(', ')}.` }),
      }
      diagnostics.error(at(), throughParams(facts, origin))
      return false
    }
  }
  const actual = binding.type === 'stage' ? [...outputs!.get(binding.output)!] : [kindOf(binding, () => 'unknown')]
  if (actual.every((kind) => kind === 'unknown' || accepted.includes(kind))) {
    if (binding.type !== 'stage' || !binding.all || listsAt(candidates)) return true
    diagnostics.error(at(), {
      code: 'wrong-edge-type',
      message: `${placeName(binding)} takes one input, and \`${text}\` is a list over all variants`,
      suggestion: `\${stages.${binding.stage}.${binding.output}}`,
    })
    return false
  }
  const is = actual.map((kind) => ACTUAL[kind as keyof typeof ACTUAL] ?? kind).join(' or ')
  const facts = {
    code: 'wrong-edge-type' as const,
    message: `${placeName(binding)} takes ${kindsInWords(accepted)}, but \`${text}\` is ${is}`,
    ...fitting(binding, accepted, outputsOfStage, scope),
  }
  diagnostics.error(at(), throughParams(facts, origin))
  return false
}

/** Reports an input at a place that has no slot. */
export function reportNoSlot(binding: Exclude<Binding, { type: 'file' }>, diagnostics: Diagnostics): void {
  const facts = {
    code: 'wrong-edge-type' as const,
    message: `no input can stand at ${placeName(binding)}, and \`${binding.text}\` is one`,
    advice: 'A plain value or a reference to a param can stand here.',
  }
  diagnostics.error(binding.at(), throughParams(facts, binding.origin))
}

function placeName({ path }: Binding): string {
  return `\`${path.filter((segment) => typeof segment === 'string').at(-1) ?? 'with'}\``
}

const ACTUAL = {
  model: 'a model',
  run: 'a run',
  qrels: 'judgements for `eval`',
  file: 'a file',
  folder: 'a folder',
  dataset: 'a dataset',
  split: 'a split of a dataset',
  llm: 'a language model',
  encoder: 'an encoder',
  'cross-encoder': 'a cross-encoder',
}

const MOST_FITTING = 4

/** What would fit instead: of the same stage or dataset, else anywhere. */
function fitting(
  binding: Exclude<Binding, { type: 'file' }>,
  accepted: readonly string[],
  outputsOfStage: (name: string) => OutputKinds | undefined,
  { pipeline }: Scope,
): { suggestion: string } | { advice: string } {
  const fitsOf = (stage: string, all: boolean = false): string[] =>
    [...(outputsOfStage(stage) ?? [])]
      .filter(([, kinds]) => [...kinds].every((kind) => accepted.includes(kind)))
      .map(([name]) => `\${stages.${stage}.${name}${all ? '[*]' : ''}}`)
      .sort()
  if (binding.type === 'stage') {
    const fits = fitsOf(binding.stage, binding.all)
    if (fits.length === 1) return { suggestion: fits[0]! }
    if (fits.length > 1) return { advice: `These fit: ${fits.join(', ')}.` }
  }
  if (binding.type === 'dataset' && binding.split !== undefined && accepted.includes('dataset'))
    return { suggestion: `\${datasets.${binding.name}}` }
  if (binding.type === 'dataset' && binding.split === undefined && accepted.includes('split'))
    return { advice: `Name a split, as in \${datasets.${binding.name}.train}.` }
  const all = [
    ...Object.keys(pipeline.stages).flatMap((stage) => fitsOf(stage)),
    ...(accepted.includes('dataset') ? Object.keys(pipeline.datasets).map((name) => `\${datasets.${name}}`) : []),
    ...Object.entries(pipeline.models)
      .filter(([, block]) => accepted.includes(modelKind(block)))
      .map(([name]) => `\${models.${name}}`),
  ]
  const more = all.length > MOST_FITTING ? ', …' : ''
  return {
    advice:
      all.length === 0
        ? 'Nothing in this pipeline fits.'
        : `These fit: ${all.slice(0, MOST_FITTING).join(', ')}${more}.`,
  }
}
