/**
 * The ONNX graph of exact search over a block of passages: of the products of all queries and passages it gives those in
 * groups of neighbours of which one reaches the bar of its query. Few do once the best of a query are good, and a group
 * costs next to nothing to look at. It is put together here byte by byte: nothing has to be shipped or generated, and the
 * same graph runs on every provider. Inputs: `queries`, `passages` (rows of `dimensions` floats), `bars` (one a query),
 * `shape` (queries, groups, members of a group). Outputs, a row a group that reaches its bar, by query and then group:
 * `places` (query, group) and `products`.
 */
export function searchGraph(dimensions: number): Uint8Array {
  const graph = [
    node('Gemm', ['queries', 'passages'], ['all'], [integer('transB', 1)]),
    node('Reshape', ['all', 'shape'], ['grouped'], []),
    node('ReduceMax', ['grouped'], ['maxima'], [integers('axes', [2]), integer('keepdims', 0)]),
    node('GreaterOrEqual', ['maxima', 'bars'], ['reached'], []),
    node('NonZero', ['reached'], ['found'], []),
    node('Transpose', ['found'], ['places'], []),
    node('GatherND', ['grouped', 'places'], ['products'], []),
  ].flatMap((bytes) => field(1, bytes))
  const inputs = [
    tensor('queries', FLOAT, ['queries', dimensions]),
    tensor('passages', FLOAT, ['passages', dimensions]),
    tensor('bars', FLOAT, ['queries', 1]),
    tensor('shape', INT64, [3]),
  ].flatMap((bytes) => field(11, bytes))
  const outputs = [tensor('places', INT64, ['reached', 2]), tensor('products', FLOAT, ['reached', 'members'])].flatMap(
    (bytes) => field(12, bytes),
  )
  const whole = [...graph, ...field(2, utf8('search')), ...inputs, ...outputs]
  return Uint8Array.from([...field(1, IR_VERSION), ...field(7, whole), ...field(8, field(2, OPSET))])
}

// Numbers of fields and types are those of onnx.proto3.
const IR_VERSION = 8
const OPSET = 13
const FLOAT = 1
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
