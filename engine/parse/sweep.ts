import type { Json } from '../../stages/define.ts'
import { type Diagnostics, onCommandLine } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import { asList, asMap } from './json.ts'
import { type GivenParam, parseParamText } from './params.ts'
import type { Assignment, Axis, AxisValue, SourcePath, Written } from './pipeline.ts'
import { parseText } from './references.ts'
import { suggest } from './suggest.ts'

/** A sweep as the pipeline keeps it. */
export interface Sweep {
  axes: readonly Axis[]
  exclude: readonly Assignment[]
  include: readonly Assignment[]
  /** Values that were chosen among those of an axis by giving its param. */
  collapsed: { readonly [param: string]: AxisValue }
  /** The values of all axes, those that were not chosen too. */
  written: readonly Written[]
}

/** What the command line says about axes. */
export interface SweepChoice {
  /** What was given for params. */
  given: ReadonlyMap<string, GivenParam>
  /** Labels of `--only`, by axis. */
  only: { readonly [axis: string]: readonly string[] }
}

interface Context {
  document: SourceDocument
  params: { readonly [name: string]: Json }
  diagnostics: Diagnostics
}

type DraftAxis = Axis & { extra: AxisValue[]; path: SourcePath }

/** Reads `sweep:` (its form is already checked): axes, what to leave out and to add; params given and `--only`. */
export function readSweep(block: Json, choice: SweepChoice, context: Context): Sweep {
  const sweep = asMap(block)
  const axes = new Map<string, DraftAxis>()
  for (const section of ['axes', 'replicates'] as const) {
    for (const [param, written] of Object.entries(asMap(sweep[section]))) {
      const axis = readAxis(param, written, ['sweep', section, param], section === 'replicates', context)
      if (!axis) continue
      if (axes.has(param))
        report(context, axis.path, 'key', `\`${param}\` is an axis already`, 'Keep it in `axes` or in `replicates`.')
      else axes.set(param, axis)
    }
  }
  const exclude = asList(sweep.exclude).map((entry, i) =>
    readExclude(asMap(entry), ['sweep', 'exclude', i], axes, context),
  )
  const include = asList(sweep.include).map((entry, i) =>
    readInclude(asMap(entry), ['sweep', 'include', i], axes, context),
  )
  return {
    ...choose(axes, exclude.filter(present), include.filter(present), choice, context),
    written: [...axes.values()].flatMap(({ values, extra }) => [...values, ...extra]),
  }
}

function readAxis(
  param: string,
  written: Json,
  path: SourcePath,
  replicate: boolean,
  context: Context,
): DraftAxis | undefined {
  const { params, document, diagnostics } = context
  if (!Object.hasOwn(params, param)) {
    const meant = suggest(param, Object.keys(params))
    diagnostics.error(document.locate(path, 'key'), {
      code: 'unknown-param',
      message: `an axis must be a param, and there is none named \`${param}\``,
      ...(meant === undefined ? { advice: `Add \`${param}\` to params.` } : { suggestion: meant }),
    })
    return undefined
  }
  const values: AxisValue[] = []
  const entries: [string | number, AxisValue | undefined][] = Array.isArray(written)
    ? written.map((item, i) => [i, readAxisValue(item, [...path, i], context)])
    : Object.entries(asMap(written)).map(([label, value]) => [label, { label, value, path: [...path, label] }])
  for (const [at, value] of entries) {
    if (!value) continue
    if (values.some(({ label }) => label === value.label))
      report(context, [...path, at], 'value', `axis \`${param}\` has \`${value.label}\` twice`, 'Remove one of them.')
    else values.push(value)
  }
  // Anything but a list or a map is reported with the form of the file.
  if (entries.length === 0 && written !== null && typeof written === 'object')
    report(context, path, 'key', `axis \`${param}\` has no values`, 'List them, as in `[1, 2]`, or remove the axis.')
  return { param, values, extra: [], replicate, path }
}

function readAxisValue(value: Json, path: SourcePath, context: Context): AxisValue | undefined {
  if (typeof value === 'string') {
    const label = labelOf(value)
    if (label !== undefined) return { label, value, path }
    report(context, path, 'value', 'a text with references in it needs a name: `{ name: …, value: … }`')
    return undefined
  }
  if (value === null || typeof value !== 'object') return { label: String(value), value, path }
  const { name } = asMap(value)
  if (typeof name !== 'string' || name.includes('${')) {
    report(context, path, 'value', 'a value that is a map or a list needs a name: `{ name: …, value: … }`')
    return undefined
  }
  const members = Object.keys(value)
  const wrapped = members.length === 2 && members.includes('value')
  return wrapped
    ? { label: name, value: asMap(value).value ?? null, path: [...path, 'value'] }
    : { label: name, value, path }
}

/** What a text is called: itself; `${models.small}` is called `small`. Undefined for a text with references inside. */
function labelOf(text: string): string | undefined {
  const { parts, problems, only } = parseText(text)
  if (only) return [only.name, ...only.rest].join('.')
  if (problems.length > 0) return text
  return parts.every((part) => typeof part === 'string') ? parts.join('') : undefined
}

function readExclude(
  entry: { readonly [axis: string]: Json },
  path: SourcePath,
  axes: ReadonlyMap<string, DraftAxis>,
  context: Context,
): Assignment | undefined {
  const labels: { [axis: string]: string } = {}
  for (const [param, value] of Object.entries(entry)) {
    const axis = axes.get(param)
    if (!axis) return unknownAxis(param, [...path, param], axes, context)
    const found = findValue(axis.values, value)
    if (!found) {
      const values = `Its values: ${axis.values.map(({ label }) => label).join(', ')}.`
      report(
        context,
        [...path, param],
        'value',
        `axis \`${param}\` has no such value, so this excludes nothing`,
        values,
      )
      return undefined
    }
    labels[param] = found.label
  }
  if (Object.keys(labels).length > 0) return labels
  report(context, path, 'value', 'this would exclude everything', 'Name values of axes, or remove the entry.')
  return undefined
}

function readInclude(
  entry: { readonly [axis: string]: Json },
  path: SourcePath,
  axes: ReadonlyMap<string, DraftAxis>,
  context: Context,
): Assignment | undefined {
  const labels: { [axis: string]: string } = {}
  for (const [param, value] of Object.entries(entry)) {
    const axis = axes.get(param)
    if (!axis) return unknownAxis(param, [...path, param], axes, context)
    let found = findValue(axis.values, value) ?? findValue(axis.extra, value)
    if (!found) {
      found = readAxisValue(value, [...path, param], context)
      if (!found) return undefined
      axis.extra.push(found)
    }
    labels[param] = found.label
  }
  const missing = [...axes.values()].filter(({ param, replicate }) => !replicate && labels[param] === undefined)
  if (missing.length === 0) return labels
  const names = missing.map(({ param }) => `\`${param}\``).join(', ')
  report(context, path, 'value', `a combination to include needs a value for every axis; ${names} has none`)
  return undefined
}

/** Applies the command line: `-p` takes an axis out of the sweep, `--only` leaves some of its values. */
function choose(
  drafts: ReadonlyMap<string, DraftAxis>,
  exclude: readonly Assignment[],
  include: readonly Assignment[],
  choice: SweepChoice,
  context: Context,
): Omit<Sweep, 'written'> {
  const { diagnostics } = context
  const fixed: { [axis: string]: string } = {}
  const collapsed: { [param: string]: AxisValue } = {}
  const axes: Axis[] = []
  for (const { param, values, extra, replicate } of drafts.values()) {
    const given = choice.given.get(param)
    const only = choice.only[param]
    const all = [...values, ...extra]
    if (given !== undefined) {
      const found = all.find(({ label }) => label === given.text) ?? findValue(all, given.value)
      if (found) collapsed[param] = found
      fixed[param] = found?.label ?? String(given.value)
    } else if (only !== undefined) {
      const chosen = new Set(only.map((text) => chooseLabel(param, text, all, diagnostics)))
      const keep = ({ label }: AxisValue): boolean => chosen.has(label)
      axes.push({ param, values: values.filter(keep), extra: extra.filter(keep), replicate })
    } else axes.push({ param, values, extra, replicate })
  }
  for (const param of Object.keys(choice.only)) {
    if (drafts.has(param)) continue
    const meant = suggest(param, drafts.keys())
    diagnostics.error(onCommandLine(), {
      code: 'sweep',
      message: `the sweep has no axis \`${param}\` (given with --only)`,
      ...(meant !== undefined ? { suggestion: meant } : { advice: axesThereAre(drafts.keys()) }),
    })
  }
  axes.sort((a, b) => (a.param < b.param ? -1 : 1))
  const left = new Map(
    axes.map(({ param, values, extra }) => [param, new Set([...values, ...extra].map((v) => v.label))]),
  )
  const fits = (assignment: Assignment): boolean =>
    Object.entries(assignment).every(([param, label]) => left.get(param)?.has(label) ?? fixed[param] === label)
  const rest = (assignment: Assignment): Assignment =>
    Object.fromEntries(Object.entries(assignment).filter(([param]) => left.has(param)))
  return {
    axes,
    exclude: exclude.filter(fits).map(rest),
    include: include.filter(fits).map(rest),
    collapsed,
  }
}

function chooseLabel(param: string, text: string, values: readonly AxisValue[], diagnostics: Diagnostics): string {
  const byLabel = values.find(({ label }) => label === text)
  const parsed = byLabel ? undefined : parseParamText(param, text, diagnostics)
  const found = byLabel ?? (parsed === undefined ? undefined : findValue(values, parsed))
  if (found) return found.label
  const labels = values.map(({ label }) => label)
  const meant = suggest(text, labels)
  diagnostics.error(onCommandLine(), {
    code: 'sweep',
    message: `axis \`${param}\` has no value \`${text}\` (given with --only)`,
    ...(meant === undefined ? { advice: `Its values: ${labels.join(', ')}.` } : { suggestion: meant }),
  })
  return text
}

/** By value, or by label. */
function findValue(values: readonly AxisValue[], wanted: Json): AxisValue | undefined {
  if (wanted === null || typeof wanted !== 'object')
    return values.find(({ value }) => value === wanted) ?? values.find(({ label }) => label === String(wanted))
  const { name } = asMap(wanted)
  return values.find(({ label }) => label === name)
}

function unknownAxis(
  param: string,
  path: SourcePath,
  axes: ReadonlyMap<string, unknown>,
  { document, diagnostics }: Context,
): undefined {
  const meant = suggest(param, axes.keys())
  diagnostics.error(document.locate(path, 'key'), {
    code: 'sweep',
    message: `\`${param}\` is no axis of this sweep`,
    ...(meant !== undefined ? { suggestion: meant } : { advice: axesThereAre(axes.keys()) }),
  })
}

function axesThereAre(names: Iterable<string>): string {
  const all = [...names].sort()
  return all.length === 0 ? 'It has none.' : `Its axes: ${all.join(', ')}.`
}

function report(
  { document, diagnostics }: Context,
  path: SourcePath,
  what: 'key' | 'value',
  message: string,
  advice?: string,
): void {
  diagnostics.error(document.locate(path, what), {
    code: 'sweep',
    message,
    ...(advice === undefined ? {} : { advice }),
  })
}

function present<Value>(value: Value | undefined): value is Value {
  return value !== undefined
}
