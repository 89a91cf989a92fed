import { briefBytes } from './brief-bytes.ts'
import { bytesField, type Field, fieldsOf, integerField, packedIntegers } from './protobuf.ts'

/** One operation of a graph. */
export interface Node {
  operator: string
  domain: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes: ReadonlyMap<string, Attribute>
  /** The node as it stands in the file. */
  parts: readonly Uint8Array[]
}

interface Attribute {
  integer: number | undefined
  integers: readonly number[]
  tensor: OnnxTensor | undefined
}

/** A constant of a graph, whose numbers are read when they are asked for. */
export interface OnnxTensor {
  name: string
  sizes: readonly number[]
  type: number
  isExternal: boolean
  fields: readonly Field[]
}

/** Numbers of element types are those of onnx.proto3. */
export const FLOAT = 1
const INT32 = 6
const INT64 = 7
const BOOL = 9

const MODEL = { graph: 7, opsets: 8 }
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, values: 13 }
const NODE = { input: 1, output: 2, operator: 4, attribute: 5, domain: 7 }

/** The domain of onnxruntime's own operators. */
export const CONTRIBUTED = 'com.microsoft'

/** A graph in ONNX's format: what stands in it, and a way to write it with other nodes. */
export class OnnxFile {
  readonly nodes: readonly Node[]
  /** The node that gives a tensor, by the tensor's name. */
  readonly makers: ReadonlyMap<string, Node>
  readonly constants: ReadonlyMap<string, OnnxTensor>
  readonly inputs: readonly string[]
  /** With the number of their dimensions where the file tells. */
  readonly outputs: readonly { name: string; rank: number | undefined }[]
  readonly #model: readonly Field[]
  readonly #graph: readonly Field[]

  constructor(bytes: Uint8Array) {
    this.#model = fieldsOf(bytes)
    const graph = this.#model.find(({ number }) => number === MODEL.graph)
    if (!graph) throw new Error('no ONNX graph')
    this.#graph = fieldsOf(graph.bytes)
    const all = (number: number): Uint8Array[] =>
      this.#graph.filter((field) => field.number === number).map((field) => field.bytes)
    this.nodes = all(GRAPH.node).map(nodeOf)
    this.constants = new Map(
      all(GRAPH.initializer)
        .map(tensorOf)
        .map((tensor) => [tensor.name, tensor]),
    )
    this.makers = new Map(this.nodes.flatMap((node) => node.outputs.map((output) => [output, node])))
    this.inputs = all(GRAPH.input).map((value) => textOf(fieldsOf(value), 1))
    this.outputs = all(GRAPH.output).map((value) => ({ name: textOf(fieldsOf(value), 1), rank: rankOf(value) }))
  }

  /** Whether all of it is in these bytes: no weights in other files, no graphs within nodes. */
  get isWhole(): boolean {
    return (
      ![...this.constants.values()].some(({ isExternal }) => isExternal) &&
      !this.nodes.some(({ attributes }) => attributes.has(HAS_GRAPH))
    )
  }

  /** The file with these nodes, in this order, for one of its outputs, in bytes to be given back; constants that no node reads are left out. */
  written(nodes: readonly Node[], output: string): Uint8Array<ArrayBuffer> {
    const read = new Set(nodes.flatMap(({ inputs }) => inputs))
    const kept = this.#graph.filter(({ number, bytes }) => {
      if (number === GRAPH.node || number === GRAPH.values) return false
      if (number === GRAPH.output) return textOf(fieldsOf(bytes), 1) === output
      return number !== GRAPH.initializer || read.has(tensorOf(bytes).name)
    })
    const graph = [...nodes.flatMap(({ parts }) => bytesField(GRAPH.node, parts)), ...kept.map(({ raw }) => raw)]
    const knows = this.#model.some(
      ({ number, bytes }) => number === MODEL.opsets && textOf(fieldsOf(bytes), 1) === CONTRIBUTED,
    )
    const parts = [
      ...this.#model.filter(({ number }) => number !== MODEL.graph).map(({ raw }) => raw),
      ...(knows ? [] : bytesField(MODEL.opsets, [...bytesField(1, CONTRIBUTED), integerField(2, 1)])),
      ...bytesField(MODEL.graph, graph),
    ]
    return joined(parts, briefBytes)
  }
}

/** A node that stands in no file yet. */
export function newNode(
  { operator, domain, inputs, outputs }: Pick<Node, 'operator' | 'domain' | 'inputs' | 'outputs'>,
  attributes: { readonly [name: string]: readonly Uint8Array[] },
): Node {
  const parts = [
    ...inputs.flatMap((name) => bytesField(NODE.input, name)),
    ...outputs.flatMap((name) => bytesField(NODE.output, name)),
    ...bytesField(NODE.operator, operator),
    ...Object.entries(attributes).flatMap(([name, value]) =>
      bytesField(NODE.attribute, [...bytesField(1, name), ...value]),
    ),
    ...bytesField(NODE.domain, domain),
  ]
  return nodeOf(joined(parts))
}

/** How many numbers of a constant are looked at: those that say how a graph works are few, weights are not. */
const MOST_NUMBERS = 1 << 16

/** The numbers of a small constant; undefined for a large one, and for other types than those that masks are made of. */
export function numbersOf({ sizes, type, fields }: OnnxTensor): readonly number[] | undefined {
  const count = sizes.reduce((product, size) => product * size, 1)
  if (count > MOST_NUMBERS) return undefined
  const raw = fields.find(({ number }) => number === 9)?.bytes
  if (raw) {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
    const read = {
      [FLOAT]: { width: 4, at: (at: number) => view.getFloat32(at, true) },
      [INT32]: { width: 4, at: (at: number) => view.getInt32(at, true) },
      [INT64]: { width: 8, at: (at: number) => Number(view.getBigInt64(at, true)) },
      [BOOL]: { width: 1, at: (at: number) => view.getUint8(at) },
    }[type]
    if (!read || raw.length !== count * read.width) return undefined
    return Array.from({ length: count }, (_, i) => read.at(i * read.width))
  }
  const numbers = fields.flatMap((field) => {
    if (field.number === 4 && type === FLOAT) return floatsOf(field.bytes)
    const isInteger =
      (field.number === 5 && (type === INT32 || type === BOOL)) || (field.number === 7 && type === INT64)
    return isInteger ? integersOf(field) : []
  })
  return numbers.length === count ? numbers : undefined
}

/** Stands for a graph within a node among its attributes. */
const HAS_GRAPH = '(graph)'

function nodeOf(bytes: Uint8Array): Node {
  const fields = fieldsOf(bytes)
  const texts = (number: number): string[] =>
    fields.filter((field) => field.number === number).map((field) => utf8(field.bytes))
  const attributes = new Map<string, Attribute>()
  for (const { number, bytes: attribute } of fields) {
    if (number !== NODE.attribute) continue
    const inside = fieldsOf(attribute)
    if (inside.some((field) => field.number === 6 || field.number === 11)) attributes.set(HAS_GRAPH, NOTHING)
    const tensor = inside.find((field) => field.number === 5)
    attributes.set(textOf(inside, 1), {
      integer: inside.find((field) => field.number === 3)?.integer,
      integers: inside.filter((field) => field.number === 8).flatMap(integersOf),
      tensor: tensor && tensorOf(tensor.bytes),
    })
  }
  return {
    operator: textOf(fields, NODE.operator),
    domain: textOf(fields, NODE.domain),
    inputs: texts(NODE.input),
    outputs: texts(NODE.output),
    attributes,
    parts: [bytes],
  }
}

const NOTHING: Attribute = { integer: undefined, integers: [], tensor: undefined }

function tensorOf(bytes: Uint8Array): OnnxTensor {
  const fields = fieldsOf(bytes)
  return {
    name: textOf(fields, 8),
    sizes: fields.filter(({ number }) => number === 1).flatMap(integersOf),
    type: fields.find(({ number }) => number === 2)?.integer ?? 0,
    isExternal: fields.some(({ number, integer }) => number === 13 || (number === 14 && integer !== 0)),
    fields,
  }
}

function rankOf(value: Uint8Array): number | undefined {
  let bytes: Uint8Array | undefined = value
  // Type, of a tensor, with its shape.
  for (const wanted of [2, 1, 2]) bytes = bytes && fieldsOf(bytes).find(({ number }) => number === wanted)?.bytes
  return bytes && fieldsOf(bytes).filter(({ number }) => number === 1).length
}

function textOf(fields: readonly Field[], number: number): string {
  const field = fields.find((one) => one.number === number)
  return field ? utf8(field.bytes) : ''
}

/** One number, or several packed into one field. */
function integersOf({ bytes, integer }: Field): number[] {
  return bytes.length === 0 ? [integer] : packedIntegers(bytes)
}

function floatsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getFloat32(4 * i, true))
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function joined(
  parts: readonly Uint8Array[],
  allocate: (length: number) => Uint8Array<ArrayBuffer> = (length) => new Uint8Array(length),
): Uint8Array<ArrayBuffer> {
  const whole = allocate(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
