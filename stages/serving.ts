import type { Json, ProcessRunner, StageInput, ToolsCache } from './define.ts'
import type { Budget, Prices } from './models/budget.ts'
import type { BulkTransport } from './models/bulk.ts'
import type { Pace } from './models/pace.ts'

/** Lends ready endpoints of language models. */
export interface ModelLeases {
  /** Calls `fn` with an endpoint that answers; a managed server is shared with whoever else uses the model. */
  use<Result>(
    llm: Extract<StageInput, { type: 'llm' }>,
    fn: (endpoint: ModelEndpoint) => Promise<Result>,
  ): Promise<Result>
  /** What keeps the model's endpoint from being ready, in words, if anything does. */
  waitsFor?(llm: Extract<StageInput, { type: 'llm' }>): string | undefined
}

export interface ModelEndpoint {
  baseUrl: string
  /** Never written anywhere. */
  apiKey: string
  model: string
  /** Requests that the server works on at once, if known; fewer after its memory ran out. */
  readonly slots?: number
  /** The server takes shorter requests than the model does: that it refuses a long one is not the request's fault. */
  readonly shortened?: boolean
  /** What may be asked in a minute, shared by all who ask. */
  readonly pace?: Pace
  /** Money for a million tokens. */
  readonly prices?: Prices
  /** What one run may spend on it. */
  readonly budget?: Budget
  /** Requests are handed over many at once by this, not sent one by one. */
  readonly bulk?: BulkTransport
  /** Server, version, hardware: goes into the provenance of rows. */
  provenance: { readonly [name: string]: Json }
  /** Resolves when a restarted server answers again; rejects when it can't be had any more. */
  recovered(): Promise<void>
}

/** Starts what a model needs; the engine decides when, how many share it, and when it ends. */
export type LeaseModel = (
  llm: Extract<StageInput, { type: 'llm' }>,
  services: {
    processes: ProcessRunner
    tools: ToolsCache
    /** Folder for logs of this run. */
    logs: string
    /** Folder of the store for batches on their way. */
    batches: string
    signal: AbortSignal
    onEvent(event: { type: 'server-started' | 'server-stopped' | 'warning'; note: string }): void
    /** Told what is waited for now, such as a download; undefined when nothing is. */
    tell?(note: string | undefined): void
  },
) => Promise<ModelEndpoint & { stop(): Promise<void> }>

/** What bringing a model here takes. */
export interface ProvideServices {
  processes: ProcessRunner
  tools: ToolsCache
  /** Log of installers and converters. */
  log: string
  scratch: string
  signal: AbortSignal
  /** Told what is waited for, such as a download. */
  tell(note: string): void
}
