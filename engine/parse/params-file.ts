import path from 'node:path'
import { type Diagnostics, onCommandLine } from './diagnostics.ts'
import type { SourceDocument, ValueCount } from './document.ts'
import { parseSource } from './parse-source.ts'
import { readSource, Source } from './source.ts'

const FORM = 'A params file is a map with a value for each param, as under `params`: `density: 3`.'

/** Reads the file of `--params FILE`: a map of values by param. Undefined after reporting why it is none. */
export function readParamsFile(
  file: string,
  folder: string,
  diagnostics: Diagnostics,
  count: ValueCount,
): SourceDocument | undefined {
  const source = readSource(path.resolve(folder, file))
  if (!(source instanceof Source)) {
    const { line, code, message, advice = FORM } = source
    const text = code === 'file-missing' ? `there is no file ${source.file}` : `${source.file}: ${message}`
    // A line that can't be read has a place in the file; anything else is about the option.
    if (line > 1) diagnostics.add(source)
    else diagnostics.error(onCommandLine(), { code, message: `${text} (given with --params)`, advice })
    return undefined
  }
  const document = parseSource(source, diagnostics, count)
  if (!document) return undefined
  const { value } = document
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return document
  diagnostics.error(document.locate([]), { code: 'wrong-type', message: 'this must be a map', advice: FORM })
  return undefined
}
