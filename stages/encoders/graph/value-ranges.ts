import { type Node, numbersOf, type OnnxFile, type OnnxTensor } from './onnx-file.ts'

/** Between which two numbers all elements of a tensor lie. */
export type Range = readonly [low: number, high: number]

const ANY: Range = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
const NONE: Range = [0, 0]
const TRUE: Range = [1, 1]
const NATURAL: Range = [0, Number.POSITIVE_INFINITY]

/** Operators that only move elements, or leave some out. */
const MOVES = new Set(
  ['Identity', 'Cast', 'Dropout', 'Unsqueeze', 'Squeeze', 'Expand', 'Reshape', 'Flatten'].concat([
    ...['Slice', 'Gather', 'Transpose', 'Tile'],
  ]),
)

/**
 * Proves what the values of a graph are if nothing is masked, `attention_mask` being ones: the range of any tensor, by the
 * arithmetic of ranges. What is not understood may be anything.
 */
export class ValueRanges {
  readonly #file: OnnxFile
  readonly #known = new Map<string, Range>()

  constructor(file: OnnxFile) {
    this.#file = file
  }

  of(name: string): Range {
    const known = this.#known.get(name)
    if (known) return known
    // What would go round in a circle is not understood either.
    this.#known.set(name, ANY)
    const range = this.#find(name)
    this.#known.set(name, range)
    return range
  }

  #find(name: string): Range {
    const constant = this.#file.constants.get(name)
    if (constant) return rangeOfTensor(constant)
    if (name === 'attention_mask') return TRUE
    const node = this.#file.makers.get(name)
    return node && node.domain === '' ? this.#made(node) : ANY
  }

  #made(node: Node): Range {
    const { operator, inputs, attributes } = node
    const input = (at: number): Range => (inputs[at] ? this.of(inputs[at]) : ANY)
    if (MOVES.has(operator)) return operator === 'Cast' ? cast(input(0), attributes.get('to')?.integer) : input(0)
    switch (operator) {
      case 'Constant': {
        const tensor = attributes.get('value')?.tensor
        return tensor ? rangeOfTensor(tensor) : ANY
      }
      case 'ConstantOfShape': {
        const tensor = attributes.get('value')?.tensor
        return tensor ? rangeOfTensor(tensor) : NONE
      }
      case 'Concat':
        return inputs.map((_, i) => input(i)).reduce(union)
      case 'Where':
        return always(input(0)) ? input(1) : never(input(0)) ? input(2) : union(input(1), input(2))
      case 'Shape':
        return NATURAL
      case 'Range':
        return input(2)[0] > 0 ? [input(0)[0], Math.max(input(0)[0], input(1)[1])] : ANY
      case 'Not':
        return [1 - input(0)[1], 1 - input(0)[0]]
      case 'And':
        return [Math.min(input(0)[0], input(1)[0]), Math.min(input(0)[1], input(1)[1])]
      case 'Or':
        return [Math.max(input(0)[0], input(1)[0]), Math.max(input(0)[1], input(1)[1])]
      case 'Add':
        return corners(input(0), input(1), (a, b) => a + b)
      case 'Sub':
        return corners(input(0), input(1), (a, b) => a - b)
      case 'Mul':
        return corners(input(0), input(1), (a, b) => a * b)
      case 'Equal':
        return compared(input(0), input(1), ([a, b], [c, d]) => a === b && c === d && a === c, apart)
      case 'Greater':
        return compared(input(0), input(1), over, (x, y) => atLeast(y, x))
      case 'GreaterOrEqual':
        return compared(input(0), input(1), atLeast, (x, y) => over(y, x))
      case 'Less':
        return compared(input(1), input(0), over, (x, y) => atLeast(y, x))
      case 'LessOrEqual':
        return compared(input(1), input(0), atLeast, (x, y) => over(y, x))
      default:
        return ANY
    }
  }
}

/** Whether all elements are true. */
export function always([low, high]: Range): boolean {
  return low > 0 || high < 0
}

/** Whether all elements are false, or zero. */
export function never([low, high]: Range): boolean {
  return low === 0 && high === 0
}

const over = (x: Range, y: Range): boolean => x[0] > y[1]
const atLeast = (x: Range, y: Range): boolean => x[0] >= y[1]
const apart = (x: Range, y: Range): boolean => over(x, y) || over(y, x)

function compared(x: Range, y: Range, holds: Comparison, fails: Comparison): Range {
  return holds(x, y) ? TRUE : fails(x, y) ? NONE : [0, 1]
}

type Comparison = (x: Range, y: Range) => boolean

function rangeOfTensor(tensor: OnnxTensor): Range {
  const numbers = numbersOf(tensor)
  if (!numbers || numbers.length === 0 || numbers.some(Number.isNaN)) return ANY
  return numbers.reduce<Range>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [numbers[0]!, numbers[0]!],
  )
}

/** The extremes of a function that grows or falls with each of its operands. */
function corners([a, b]: Range, [c, d]: Range, of: (x: number, y: number) => number): Range {
  const values = [of(a, c), of(a, d), of(b, c), of(b, d)]
  return values.some(Number.isNaN) ? ANY : [Math.min(...values), Math.max(...values)]
}

function union([a, b]: Range, [c, d]: Range): Range {
  return [Math.min(a, c), Math.max(b, d)]
}

const FLOATS = new Set([1, 10, 11, 16])
const BOOLEAN = 9

function cast(range: Range, to: number | undefined): Range {
  if (to === BOOLEAN) return always(range) ? TRUE : never(range) ? NONE : [0, 1]
  return to !== undefined && FLOATS.has(to) ? range : [Math.trunc(range[0]), Math.trunc(range[1])]
}
