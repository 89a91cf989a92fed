import type { InputMarker, Problem } from '../define.ts'
import { type ModelSource, parseSource, sourceIdentity } from '../models/source.ts'

/** Shape of a transformer with random weights. */
export interface RandomShape {
  layers: number
  hidden: number
  heads: number
  /** Tokens of the longest text, special ones counted. */
  max_length: number
  dropout: number
}

type WrittenSource = string | InputMarker | { source: string; sha256?: string }

/** `base` as it stands in a pipeline. */
export type WrittenBase =
  | WrittenSource
  | { random: Pick<RandomShape, 'layers' | 'hidden'> & Partial<RandomShape> }
  | { distill: WrittenSource; dimensions?: number }

/** A model that is there already. */
export type GivenModel =
  | { kind: 'source'; source: ModelSource; sha256: string | undefined; written: string }
  | { kind: 'input'; name: string }

/** Where training starts. */
export type Base =
  | { kind: 'static-random'; dimensions: number }
  | { kind: 'static-distilled'; from: GivenModel; dimensions: number }
  | { kind: 'random'; shape: RandomShape }
  | GivenModel

const DISTILLED_DIMENSIONS = 256
const RANDOM_MAX_LENGTH = 256
const RANDOM_DROPOUT = 0.1
/** Width of an attention head where nothing is said. */
const HEAD = 32
const FORMS =
  'Write static:random-D, static:distill(SOURCE)-D, random:LAYERSxHIDDEN, hf:OWNER/NAME@COMMIT, a folder, or a model of another stage.'

/** Reads `base`, or says what is wrong with it. */
export function parseBase(written: WrittenBase): Base | Problem {
  if (typeof written === 'string') return parseText(written)
  if ('random' in written) return randomOf(written.random)
  if ('distill' in written) return distilled(written.distill, written.dimensions)
  return givenModel(written)
}

/** Whether the base is a static model: not known for one that another stage makes. */
export function isStatic(base: Base): boolean | undefined {
  if (base.kind === 'static-random' || base.kind === 'static-distilled') return true
  return base.kind === 'input' ? undefined : false
}

function parseText(text: string): Base | Problem {
  const table = /^static:random-([1-9]\d{0,3})$/.exec(text)
  if (table) return { kind: 'static-random', dimensions: Number(table[1]) }
  const distill = /^static:distill\((.+)\)(?:-([1-9]\d{0,3}))?$/.exec(text)
  if (distill) return distilled(distill[1]!, distill[2] === undefined ? undefined : Number(distill[2]))
  const shape = /^random:([1-9]\d?)x([1-9]\d{1,3})$/.exec(text)
  if (shape) return randomOf({ layers: Number(shape[1]), hidden: Number(shape[2]) })
  if (/^(static|random):/.test(text)) return { message: `\`${text}\` is no base`, advice: FORMS }
  return givenModel(text)
}

function givenModel(written: WrittenSource): GivenModel | Problem {
  if (typeof written === 'object' && '$input' in written) return { kind: 'input', name: written.$input }
  const { source: text, sha256 } = typeof written === 'string' ? { source: written, sha256: undefined } : written
  const source = parseSource(text)
  if ('message' in source) return { ...source, advice: FORMS }
  if (source.kind === 'path') return { message: `\`${text}\` is no base`, advice: FORMS }
  if (source.kind === 'https') return { message: 'a base is a folder, and an address names one file', advice: FORMS }
  const identity = sourceIdentity(source, sha256)
  if (isProblem(identity))
    return {
      message: `${identity.message.replace('the model', `\`${text}\``)}`,
      advice: `Write it out: base: {source: "${text}", sha256: …}. ${identity.advice ?? ''}`,
    }
  return { kind: 'source', source, sha256, written: text }
}

function distilled(from: WrittenSource, dimensions = DISTILLED_DIMENSIONS): Base | Problem {
  const given = givenModel(from)
  return 'message' in given ? given : { kind: 'static-distilled', from: given, dimensions }
}

function randomOf({ layers, hidden, heads, ...more }: Partial<RandomShape>): Base | Problem {
  const { max_length = RANDOM_MAX_LENGTH, dropout = RANDOM_DROPOUT } = more
  const shape = {
    layers: layers!,
    hidden: hidden!,
    heads: heads ?? Math.max(1, Math.floor(hidden! / HEAD)),
    max_length,
    dropout,
  }
  if (shape.hidden % shape.heads !== 0)
    return {
      message: `${shape.hidden} hidden units can't be shared by ${shape.heads} heads`,
      advice: `Make hidden a multiple of heads (${HEAD} units a head where heads are left out).`,
    }
  return { kind: 'random', shape }
}

function isProblem(value: object | unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'message' in value
}
