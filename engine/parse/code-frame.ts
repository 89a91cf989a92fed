import path from 'node:path'
import { styleText } from 'node:util'
import { hideCredentials } from '../util/hide-credentials.ts'
import type { Diagnostic, Position } from './diagnostic.ts'
import { COMMAND_LINE } from './diagnostics.ts'

const WIDEST_LINE = 100
const TAB = '  '

/** How problems are printed. */
export interface PrintOptions {
  /** Files below this folder are shown relative to it. */
  folder?: string
  colour?: boolean
}

/**
 * The problems as text for people: place, what is wrong, the line with a mark under it, what to do. `sourceText` gives
 * the text of a file, or undefined where there is none to show. Stable, and safe to print whatever the file holds.
 */
export function printDiagnostics(
  diagnostics: readonly Diagnostic[],
  sourceText: (file: string) => string | undefined,
  options: PrintOptions = {},
): string {
  const lines = new Map<string, readonly string[] | undefined>()
  const lineOf = (position: Position): string | undefined => {
    if (!lines.has(position.file)) {
      const text = position.file === COMMAND_LINE ? undefined : sourceText(position.file)
      lines.set(
        position.file,
        text === undefined
          ? undefined
          : hideCredentials(text)
              .replace(/^\uFEFF/, '')
              .split(/\r?\n/),
      )
    }
    return lines.get(position.file)?.[position.line - 1]
  }
  return diagnostics.map((diagnostic) => `${printOne(diagnostic, lineOf, options)}\n`).join('\n')
}

function printOne(
  diagnostic: Diagnostic,
  lineOf: (position: Position) => string | undefined,
  options: PrintOptions,
): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    options.colour ? styleText(style, text, { validateStream: false }) : text
  const tone = diagnostic.severity === 'error' ? 'red' : 'yellow'
  const { severity, message, suggestion, advice, related } = diagnostic
  const out = [`${paint('bold', place(diagnostic, options))}  ${paint(tone, severity)}  ${printable(message)}`]
  out.push(...frame(diagnostic, lineOf(diagnostic), (mark) => paint(tone, mark)))
  if (suggestion !== undefined) out.push(`  Did you mean \`${paint('bold', printable(suggestion))}\`?`)
  if (advice !== undefined) out.push(`  ${printable(advice)}`)
  for (const other of related ?? []) {
    out.push(`  ${place(other, options)}  ${printable(other.message)}`)
    out.push(...frame(other, lineOf(other), (mark) => paint('dim', mark)))
  }
  return out.join('\n')
}

function place(position: Position, options: PrintOptions): string {
  if (position.file === COMMAND_LINE) return COMMAND_LINE
  let file = position.file
  if (options.folder !== undefined) {
    const relative = path.relative(options.folder, file)
    if (relative !== '' && relative.length < file.length) file = relative
  }
  return `${printable(file)}:${position.line}:${position.column}`
}

function frame(position: Position, line: string | undefined, paint: (mark: string) => string): string[] {
  // What is no text at all would only be noise.
  if (line === undefined || line.trim() === '' || line.includes('\0')) return []
  let start = position.column - 1
  let shown = line
  let cut = ''
  if (line.length > WIDEST_LINE && start > WIDEST_LINE / 2) {
    const from = start - Math.floor(WIDEST_LINE / 2)
    shown = line.slice(from)
    start -= from
    cut = '…'
  }
  const tail = shown.length > WIDEST_LINE ? '…' : ''
  shown = shown.slice(0, WIDEST_LINE)
  const number = String(position.line).padStart(4)
  const before = printable(shown.slice(0, start))
  const marked = printable(shown.slice(start, start + position.length))
  const indent = ' '.repeat(columns(cut + before))
  const marks = '^'.repeat(Math.max(1, columns(marked)))
  const text = (cut + printable(shown)).trimEnd() + tail
  return [`${number} | ${text}`, `${' '.repeat(number.length)} | ${indent}${paint(marks)}`]
}

// What a terminal would act on (escape sequences, direction overrides) is shown, never sent.
function printable(text: string): string {
  return text
    .replaceAll('\t', TAB)
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (mark) =>
      mark === '\n' ? ' ' : `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

function columns(text: string): number {
  let width = 0
  for (const symbol of text) {
    if (/\p{M}|\u200d/u.test(symbol)) continue
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}]/u.test(
        symbol,
      )
        ? 2
        : 1
  }
  return width
}
