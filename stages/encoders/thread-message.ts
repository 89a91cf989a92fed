import { StageError } from '../define.ts'
import type { Device } from './device.ts'
import type { TransformerModel } from './transformer-model.ts'

/** What a thread computes: vectors of texts, or scores of pairs. */
export type ThreadTask =
  | { kind: 'encode'; model: TransformerModel; dimensions: number | undefined }
  | { kind: 'score'; model: CrossEncoderModel }

/** What decides the score of a pair: plain data, so that it can be handed to threads. */
export type CrossEncoderModel = Pick<
  TransformerModel,
  'onnx' | 'tokenizer' | 'tokenizerConfig' | 'maxLength' | 'lowerCase'
>

/** What a new thread is given. */
export interface ThreadData {
  task: ThreadTask
  device: Device
  /** The CPU is used where the device fails. */
  mayFallBack: boolean
  /** Of the library within the thread. */
  threads: number
}

/** One piece of work: texts, or pairs as two lists. */
export interface Piece {
  texts: readonly string[]
  seconds?: readonly string[]
}

/** A piece's rows in the order of its texts, `width` numbers each. */
export interface PieceDone {
  rows: Float32Array
  width: number
}

/** `end`: once the batch that is computed is done, leave the rest and exit. */
export type ToThread = ({ type: 'piece' } & Piece) | { type: 'end' }

/** `warning`: it computes on the CPU, and why. */
export type FromThread =
  | { type: 'ready'; warning?: string }
  | ({ type: 'done' } & PieceDone)
  | { type: 'failed'; error: SentError }

/** An error as it crosses threads. */
export interface SentError {
  message: string
  stack?: string | undefined
  /** Of a StageError. */
  facts?: { where?: string; advice?: string }
}

/** Makes a message of an error. */
export function sendError(error: unknown): SentError {
  const { message, stack } = error as Error
  if (!(error instanceof StageError)) return { message, stack }
  const { where, advice } = error
  return { message, facts: { ...(where === undefined ? {} : { where }), ...(advice === undefined ? {} : { advice }) } }
}

/** The error that a message tells of. */
export function receiveError({ message, stack, facts }: SentError): Error {
  if (facts) return new StageError(message, facts)
  const error = new Error(message)
  if (stack !== undefined) error.stack = stack
  return error
}
