import { readFile } from 'node:fs/promises'
import { readJsonl } from '../data/jsonl.ts'
import { FILES, fileOf } from '../data/rows.ts'
import { type Json, type StageContext, StageError, type StageInput } from '../define.ts'
import type { AnalysisOptions, SystemOption } from './stage.ts'

/** One training of a system, with what it scores on each query. */
interface Replicate {
  /** Values of the replicates' axes; empty where there are none. */
  name: string
  scores: ScoresFile
  queries: ReadonlyMap<string, QueryRow>
  /** Steps that it was trained for, where its curve tells. */
  steps?: number
  pairs?: StageInput
}

/** A retriever under one combination of axes, measured on one collection. */
export interface Measured {
  option: SystemOption
  /** Place of its option. */
  index: number
  /** Its label with its axes. */
  name: string
  /** Axes beside replicates and collections. */
  variant: { readonly [axis: string]: string }
  collection: string
  replicates: readonly Replicate[]
}

/** What is read of `scores.json`. */
interface ScoresFile {
  profile: string
  split: string
  queries: number
  metrics: { readonly [metric: string]: number }
  retriever: { readonly kind: string }
  task?: string
  task_group?: string
  task_within?: string
  dataset?: { qrels?: string }
}

/** A row of `queries.jsonl`. */
type QueryRow = {
  query_id: string
  metrics: { readonly [metric: string]: number }
  leaked?: Json
  augmented?: boolean
}

const ONLY = 'only'

/** Reads the scores of all systems, replicates folded; those of one collection must be measured in the same way. */
export async function readMeasured(context: StageContext<AnalysisOptions>): Promise<Measured[]> {
  const { options, inputs } = context
  const found = new Map<string, Measured & { replicates: Replicate[] }>()
  const unnamed = new Map<string, string>()
  for (const [index, option] of options.systems.entries()) {
    for (const [label, input] of membersAt(inputs, `systems/${index}/scores`)) {
      const axes = axesOf(label)
      const scores = JSON.parse(await readFile(fileOf(input, FILES.scores).location, 'utf8')) as ScoresFile
      const queries = new Map<string, QueryRow>()
      const { location } = fileOf(input, FILES.queries)
      for await (const { row } of readJsonl<QueryRow>(location, FILES.queries)) queries.set(row.query_id, row)
      const { collections, replicates } = options
      const given = option.collection ?? (collections === undefined ? undefined : axes[collections]) ?? scores.task
      const collection = given ?? numbered(unnamed, scores.dataset?.qrels ?? '')
      const own = Object.entries(axes).filter(([axis]) => axis !== collections && !replicates.includes(axis))
      const again = Object.entries(axes).filter(([axis]) => replicates.includes(axis))
      const key = JSON.stringify([index, own, collection])
      const shown = textOf(own)
      const system = found.get(key) ?? {
        option,
        index,
        name: shown === '' ? option.label : `${option.label} [${shown}]`,
        variant: Object.fromEntries(own),
        collection,
        replicates: [],
      }
      found.set(key, system)
      const steps = await stepsOf(matching(inputs, `systems/${index}/curve`, axes))
      const pairs = matching(inputs, `systems/${index}/pairs`, axes)
      const name = textOf(again)
      if (system.replicates.some((other) => other.name === name))
        throw new StageError(`${system.name} has two results on ${collection} that nothing tells apart`, {
          where: `systems/${index}`,
          advice: 'Name the axis that does: `collections`, or one of `replicates`.',
        })
      system.replicates.push({
        name,
        scores,
        queries,
        ...(steps === undefined ? {} : { steps }),
        ...(pairs === undefined ? {} : { pairs }),
      })
    }
  }
  return [...found.values()]
}

/** Values on a metric that the system was measured in, replicates by queries; what a query lacks counts as 0, as in its mean. */
export function valuesOf({ replicates }: Measured, ids: readonly string[], metric: string): number[][] {
  return replicates.map(({ queries }) => ids.map((id) => queries.get(id)?.metrics[metric] ?? 0))
}

/** Whether all results of a system have a metric. */
export function isMeasuredIn({ replicates }: Measured, metric: string): boolean {
  return replicates.every(({ scores }) => Object.hasOwn(scores.metrics, metric))
}

/** Whether a training saw the query, or its answer. */
export function isLeaked({ leaked }: QueryRow): boolean {
  return Array.isArray(leaked) ? leaked.length > 0 : Boolean(leaked)
}

function* membersAt(inputs: { readonly [name: string]: StageInput }, at: string): Generator<[string, StageInput]> {
  if (inputs[at]) yield [ONLY, inputs[at]]
  for (const [name, input] of Object.entries(inputs))
    if (name.startsWith(`${at}/`))
      yield [
        name
          .slice(at.length + 1)
          .replaceAll('~1', '/')
          .replaceAll('~0', '~'),
        input,
      ]
}

/** The member whose axes all have the values that they have here: data may depend on fewer axes than scores. */
function matching(
  inputs: { readonly [name: string]: StageInput },
  at: string,
  axes: { readonly [axis: string]: string },
): StageInput | undefined {
  for (const [label, input] of membersAt(inputs, at))
    if (Object.entries(axesOf(label)).every(([axis, value]) => axes[axis] === value)) return input
  return undefined
}

function axesOf(label: string): { [axis: string]: string } {
  if (label === ONLY) return {}
  return Object.fromEntries(
    label.split(',').map((part) => {
      const [axis = '', value = ''] = part.split('=')
      return [decode(axis), decode(value)]
    }),
  )
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function textOf(axes: readonly (readonly [string, string])[]): string {
  return axes.map(([axis, value]) => `${axis}=${value}`).join(', ')
}

function numbered(known: Map<string, string>, digest: string): string {
  const name = known.get(digest) ?? `collection ${known.size + 1}`
  known.set(digest, name)
  return name
}

async function stepsOf(input: StageInput | undefined): Promise<number | undefined> {
  if (input?.type !== 'artifact') return undefined
  const file = input.files.find(({ path }) => path.endsWith('.jsonl'))
  if (!file) return undefined
  let steps: number | undefined
  for await (const { row } of readJsonl<{ step?: number }>(file.location, file.path))
    if (typeof row.step === 'number') steps = Math.max(steps ?? 0, row.step)
  return steps
}
