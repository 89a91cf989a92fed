import { hideCredentials } from '../util/hide-credentials.ts'
import type { Diagnostic, Position } from './diagnostic.ts'

/** `file` of a position that is no file: what was given with `-p` or `--only`. Line and column mean nothing there. */
export const COMMAND_LINE = 'command line'

/** Collects problems; the same problem at the same place is kept once. */
export class Diagnostics {
  readonly #byIdentity = new Map<string, Diagnostic>()
  #errors = 0

  /** Adds an error at a place, unless it is there already. */
  error(at: Position, facts: Omit<Diagnostic, keyof Position | 'severity'>): void {
    this.add({ ...at, severity: 'error', ...facts })
  }

  /** Adds a warning at a place, unless it is there already. */
  warning(at: Position, facts: Omit<Diagnostic, keyof Position | 'severity'>): void {
    this.add({ ...at, severity: 'warning', ...facts })
  }

  add(told: Diagnostic): void {
    const { file, line, column } = told
    const message = hideCredentials(told.message)
    const diagnostic = { ...told, message }
    const identity = `${file}\0${line}\0${column}\0${message}`
    if (this.#byIdentity.has(identity)) return
    this.#byIdentity.set(identity, diagnostic)
    if (diagnostic.severity === 'error') this.#errors += 1
  }

  /** How many errors there are so far; tells whether a step added any. */
  get errors(): number {
    return this.#errors
  }

  /** All of them by place: the command line, then `main`, then other files. */
  sorted(main: string): Diagnostic[] {
    return sortDiagnostics([...this.#byIdentity.values()], main)
  }
}

/** Orders problems by place: the command line first, then the file `main`, then other files by name. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[], main: string): Diagnostic[] {
  const rank = (file: string): number => (file === COMMAND_LINE ? 0 : file === main ? 1 : 2)
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  return [...diagnostics].sort(
    (a, b) =>
      rank(a.file) - rank(b.file) ||
      order(a.file, b.file) ||
      a.line - b.line ||
      a.column - b.column ||
      order(a.message, b.message),
  )
}

/** The place of something given on the command line. */
export function onCommandLine(): Position {
  return { file: COMMAND_LINE, line: 1, column: 1, length: 1 }
}
