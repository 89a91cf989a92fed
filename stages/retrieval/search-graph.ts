/**
 * ONNX graphs of exact search over a block of passages: of the products of all queries and passages they give those in
 * groups of neighbours of which one reaches the bar of its query. Few do once the best of a query are good, and a group
 * costs next to nothing to look at. They are put together here byte by byte: nothing has to be shipped or generated.
 * Inputs: `queries`, `passages` (rows of `dimensions` numbers), `bars` (one a query), `shape` (queries, groups, members of
 * a group). Outputs, a row a group that reaches its bar, by query and then group: `places` (query, group) and `products`.
 */
export function floatGraph(dimensions: number): Uint8Array {
  return graphOf(
    [node('Gemm', ['queries', 'passages'], ['all'], [integer('transB', 1)])],
    [tensor('queries', FLOAT, ['queries', dimensions])],
    FLOAT,
    dimensions,
  )
}

/**
 * The same over bytes, which processors multiply several times as fast: `queries` are bytes less their `zero`, passages
 * floats that are rounded to multiples of `step`, and bars and products whole numbers. `none` is the byte 0.
 */
export function byteGraph(dimensions: number): Uint8Array {
  return graphOf(
    [
      node('QuantizeLinear', ['passages', 'step', 'none'], ['rounded'], []),
      node('Transpose', ['rounded'], ['turned'], [integers('perm', [1, 0])]),
      node('MatMulInteger', ['queries', 'turned', 'zero'], ['all'], []),
    ],
    [
      tensor('queries', BYTE, ['queries', dimensions]),
      tensor('zero', BYTE, []),
      tensor('step', FLOAT, []),
      tensor('none', SIGNED_BYTE, []),
    ],
    INT32,
    dimensions,
  )
}

/** From `all` products, of a type, to those that are wanted. */
function graphOf(multiplication: number[][], inputs: number[][], products: number, dimensions: number): Uint8Array {
  const nodes = [
    ...multiplication,
    node('Reshape', ['all', 'shape'], ['grouped'], []),
    node('ReduceMax', ['grouped'], ['maxima'], [integers('axes', [2]), integer('keepdims', 0)]),
    node('GreaterOrEqual', ['maxima', 'bars'], ['reached'], []),
    node('NonZero', ['reached'], ['found'], []),
    node('Transpose', ['found'], ['places'], []),
    node('GatherND', ['grouped', 'places'], ['products'], []),
  ]
  const allInputs = [
    ...inputs,
    tensor('passages', FLOAT, ['passages', dimensions]),
    tensor('bars', products, ['queries', 1]),
    tensor('shape', INT64, [3]),
  ]
  const outputs = [tensor('places', INT64, ['reached', 2]), tensor('products', products, ['reached', 'members'])]
  const whole = [
    ...nodes.flatMap((bytes) => field(1, bytes)),
    ...field(2, utf8('search')),
    ...allInputs.flatMap((bytes) => field(11, bytes)),
    ...outputs.flatMap((bytes) => field(12, bytes)),
  ]
  return Uint8Array.from([...field(1, IR_VERSION), ...field(7, whole), ...field(8, field(2, OPSET))])
}

// Numbers of fields and types are those of onnx.proto3.
const IR_VERSION = 8
const OPSET = 13
const FLOAT = 1
const BYTE = 2
const SIGNED_BYTE = 3
const INT32 = 6
const INT64 = 7
const ONE_INTEGER = 2
const INTEGERS = 7

/** A field of a protobuf message: a number as varint, bytes with their length before them. */
function field(number: number, value: number | readonly number[]): number[] {
  return typeof value === 'number'
    ? [...varint(number << 3), ...varint(value)]
    : [...varint((number << 3) | 2), ...varint(value.length), ...value]
}

/** Seven bits a byte, lowest first; negative numbers as 64 bits in two's complement. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

function utf8(value: string): number[] {
  return [...new TextEncoder().encode(value)]
}

function node(operator: string, inputs: string[], outputs: string[], attributes: number[][]): number[] {
  return [
    ...inputs.flatMap((name) => field(1, utf8(name))),
    ...outputs.flatMap((name) => field(2, utf8(name))),
    ...field(4, utf8(operator)),
    ...attributes.flatMap((bytes) => field(5, bytes)),
  ]
}

function integer(name: string, value: number): number[] {
  return [...field(1, utf8(name)), ...field(3, value), ...field(20, ONE_INTEGER)]
}

function integers(name: string, values: readonly number[]): number[] {
  return [...field(1, utf8(name)), ...values.flatMap((value) => field(8, value)), ...field(20, INTEGERS)]
}

/** Name, type and shape of an input or output; a name in the shape stands for any size. */
function tensor(name: string, type: number, shape: readonly (string | number)[]): number[] {
  const sizes = shape.flatMap((size) => field(1, typeof size === 'number' ? field(1, size) : field(2, utf8(size))))
  return [...field(1, utf8(name)), ...field(2, field(1, [...field(1, type), ...field(2, sizes)]))]
}
