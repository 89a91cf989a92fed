/** Writes small ONNX models byte by byte, so that tests run the real library on graphs whose results are plain to see. */

type Bytes = readonly number[]

/** A node: operator, inputs, outputs, integer attributes (a list is `ints`). */
export type OnnxNode = readonly [
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: { readonly [name: string]: number | readonly number[] },
]

/** A value of the graph: its name, its type, its sizes (a name stands for any size). */
export type OnnxValue = readonly [name: string, type: 'float' | 'int64', sizes: readonly (number | string)[]]

/** A constant of floats (by rows) or of integers. */
export type OnnxConstant = readonly [name: string, type: 'float' | 'int64', sizes: readonly number[], values: number[]]

/** The file of a model with this graph. */
export function onnxModel(graph: {
  inputs: readonly OnnxValue[]
  outputs: readonly OnnxValue[]
  constants: readonly OnnxConstant[]
  nodes: readonly OnnxNode[]
}): Uint8Array {
  const body = [
    ...graph.nodes.flatMap((node) => field(1, nodeBytes(node))),
    ...field(2, utf8('test')),
    ...graph.constants.flatMap((constant) => field(5, constantBytes(constant))),
    ...graph.inputs.flatMap((value) => field(11, valueBytes(value))),
    ...graph.outputs.flatMap((value) => field(12, valueBytes(value))),
  ]
  return Uint8Array.from([...field(1, 8), ...field(7, body), ...field(8, field(2, 13))])
}

const TYPES = { float: 1, int64: 7 } as const

function nodeBytes([operator, inputs, outputs, attributes = {}]: OnnxNode): Bytes {
  return [
    ...inputs.flatMap((name) => field(1, utf8(name))),
    ...outputs.flatMap((name) => field(2, utf8(name))),
    ...field(4, utf8(operator)),
    ...Object.entries(attributes).flatMap(([name, value]) =>
      field(5, [
        ...field(1, utf8(name)),
        ...(typeof value === 'number'
          ? [...field(3, value), ...field(20, 2)]
          : [...value.flatMap((one) => field(8, one)), ...field(20, 7)]),
      ]),
    ),
  ]
}

function constantBytes([name, type, sizes, values]: OnnxConstant): Bytes {
  const raw =
    type === 'float'
      ? Buffer.from(Float32Array.from(values).buffer)
      : Buffer.from(BigInt64Array.from(values, BigInt).buffer)
  return [
    ...sizes.flatMap((size) => field(1, size)),
    ...field(2, TYPES[type]),
    ...field(8, utf8(name)),
    ...field(9, [...raw]),
  ]
}

function valueBytes([name, type, sizes]: OnnxValue): Bytes {
  const shape = sizes.flatMap((size) => field(1, typeof size === 'number' ? field(1, size) : field(2, utf8(size))))
  return [...field(1, utf8(name)), ...field(2, field(1, [...field(1, TYPES[type]), ...field(2, shape)]))]
}

function field(number: number, value: number | Bytes): Bytes {
  return typeof value === 'number'
    ? [...varint(number << 3), ...varint(value)]
    : [...varint((number << 3) | 2), ...varint(value.length), ...value]
}

function varint(value: number): Bytes {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

function utf8(text: string): Bytes {
  return [...new TextEncoder().encode(text)]
}
