/** What kind of trouble a remote has; closed, so that callers can choose what to do. */
export type RemoteProblem =
  /** It can't be reached, answers too slowly, or is overloaded: another attempt may help. */
  | 'unreachable'
  /** It does not accept who we are, or that we do this. */
  | 'refused'
  /** The bucket or folder is not there. */
  | 'missing'
  | 'full'
  /** Anything else that it answered. */
  | 'broken'

/** A failure of a remote that people can mend: what, and what to do. */
export class RemoteError extends Error {
  readonly problem: RemoteProblem
  readonly advice: string | undefined

  constructor(problem: RemoteProblem, message: string, facts: { advice?: string; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'RemoteError'
    this.problem = problem
    this.advice = facts.advice
  }
}

/** What is uploaded: bytes at hand, or a file that nobody changes meanwhile. */
export type RemoteSource = Uint8Array | { path: string; size: number }

/**
 * Objects by name (`blobs/ab/cd…`, parts joined by `/`) that other machines see too. What is stored under a name
 * appears as a whole or not at all. Every call throws a RemoteError, or the signal's reason once that is aborted.
 */
export interface Remote {
  /** Size of an object in bytes; undefined if there is none. */
  size(name: string, signal: AbortSignal): Promise<number | undefined>
  /** The bytes of an object from an offset on; undefined if there is none. */
  read(name: string, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>
  /**
   * Stores an object. What is there stays as it is unless `replace`. An upload that was cut short goes on where the
   * remote can keep a part of it. `onProgress` is called for every piece that was taken.
   */
  put(
    name: string,
    source: RemoteSource,
    options: { signal: AbortSignal; replace?: boolean; onProgress?: () => void },
  ): Promise<'stored' | 'there'>
  /** Names of all objects that begin with `prefix`. */
  list(prefix: string, signal: AbortSignal): Promise<string[]>
  close(): void
}

/** Bytes of a source. */
export function sizeOf(source: RemoteSource): number {
  return source instanceof Uint8Array ? source.byteLength : source.size
}
