import type { Diagnostic, Position } from '../parse/diagnostic.ts'
import type { Pipeline, SourcePath } from '../parse/pipeline.ts'
import type { Reference } from '../parse/references.ts'

/** The value of a param that was met on the way from a reference to what it stands for. */
export interface ParamValue {
  param: string
  /** Where it was written. */
  path: SourcePath
}

/** How a value of params came into a block. */
export interface Origin {
  pipeline: Pipeline
  /** Where the block refers to it. */
  at: () => Position
  /** The references that stand there. */
  references: readonly Reference[]
  /** From the first to the last: a param may refer to others. */
  values: readonly ParamValue[]
}

type Facts = Omit<Diagnostic, keyof Position | 'severity'>

/**
 * Adds to what is wrong with a value which params it came from, and where these were written; `inside` leads to the
 * place within the last of them. Without an origin, the facts as they are.
 */
export function throughParams<Given extends Facts>(
  facts: Given,
  origin: Origin | undefined,
  inside: SourcePath = [],
): Given | Facts {
  if (!origin) return facts
  const { suggestion, ...rest } = facts
  const written = [...new Set(origin.references.map(({ text }) => `\`${text}\``))].join(', ')
  const given = origin.values.some(({ path }) => path[0] === '-p')
  const last = origin.values.at(-1)
  const related: (Position & { message: string })[] = []
  for (const value of origin.values) {
    if (value.path[0] === '-p') continue
    const place = origin.pipeline.locate(value === last ? [...value.path, ...inside] : value.path)
    const known = related.some(({ file, line, column }) => {
      return file === place.file && line === place.line && column === place.column
    })
    if (!known) related.push({ ...place, message: `\`${value.param}\` is set here` })
  }
  return {
    ...rest,
    message: `${facts.message} (from ${written}${given ? ', given with -p' : ''})`,
    // The place that is marked is not the one to mend.
    ...(suggestion === undefined
      ? {}
      : { advice: `Perhaps \`${suggestion}\` was meant where \`${last?.param}\` is set.` }),
    ...(related.length > 0 ? { related } : {}),
  }
}
