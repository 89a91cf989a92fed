import { CONTRIBUTED, FLOAT, type Node, newNode, numbersOf, type OnnxFile } from './onnx-file.ts'
import { floatField, integerField } from './protobuf.ts'
import { always, never, ValueRanges } from './value-ranges.ts'

/** From `softmax(Q x K^T) x V` of all heads to one operator that computes it block by block, in the core's cache. */
export interface Attention {
  softmax: Node
  /** Gives the same tensor as the last of the nodes that it stands for. */
  replacement: Node
}

/** What the nodes of one side do to a tensor of [batch, tokens, heads x size]. */
interface Side {
  source: string
  heads: number
  size: number
  scale: number
}

/** Axes of queries and values before the products, and of keys, as parts of [batch, tokens, heads, size]. */
const BY_HEADS = '0,2,1,3'
const KEYS = '0,2,3,1'

/**
 * Finds where a graph computes attention as exporters write it, step by step, for rows without padding. What is added to the
 * scores must be proven to be zero there, and everything between must be understood; else nothing is found.
 */
export class AttentionFinder {
  readonly #file: OnnxFile
  readonly #ranges: ValueRanges
  readonly #readers = new Map<string, Node[]>()

  constructor(file: OnnxFile) {
    this.#file = file
    this.#ranges = new ValueRanges(file)
    for (const node of file.nodes) {
      for (const input of new Set(node.inputs)) {
        const readers = this.#readers.get(input)
        if (readers) readers.push(node)
        else this.#readers.set(input, [node])
      }
    }
  }

  /** The attention around each softmax that is one. */
  all(): Attention[] {
    return this.#file.nodes.flatMap((node) => (node.operator === 'Softmax' ? (this.#around(node) ?? []) : []))
  }

  #around(softmax: Node): Attention | undefined {
    const axis = softmax.attributes.get('axis')?.integer
    if (axis !== -1 && axis !== 3) return undefined
    const scores = this.#scores(softmax.inputs[0]!)
    const products = this.#weighted(softmax.outputs[0]!)
    if (!scores || !products) return undefined
    const sides = [
      this.#side(scores.product.inputs[0]!, BY_HEADS),
      this.#side(scores.product.inputs[1]!, KEYS),
      this.#side(products.inputs[1]!, BY_HEADS),
    ]
    const [queries, keys, values] = sides
    const joined = this.#joinedHeads(products.outputs[0]!)
    if (!queries || !keys || !values || joined === undefined) return undefined
    if (sides.some((side) => side!.heads !== queries.heads || side!.size !== queries.size)) return undefined
    if (values.scale !== 1) return undefined
    const replacement = newNode(
      {
        operator: 'MultiHeadAttention',
        domain: CONTRIBUTED,
        inputs: [queries.source, keys.source, values.source],
        outputs: [joined],
      },
      {
        num_heads: [integerField(3, queries.heads), integerField(20, INTEGER)],
        scale: [floatField(2, scores.scale * queries.scale * keys.scale), integerField(20, FLOAT)],
      },
    )
    return { softmax, replacement }
  }

  /** The product of queries and keys behind scores, and what it is multiplied by. */
  #scores(name: string): { product: Node; scale: number } | undefined {
    let scale = 1
    for (let at: string | undefined = name; at !== undefined; ) {
      const node = this.#file.makers.get(at)
      if (node?.operator === 'MatMul') return { product: node, scale }
      if (node?.operator === 'Add' || node?.operator === 'Where') at = this.#unmasked(node)
      else {
        const factor: number | undefined = node && this.#factor(node)
        if (factor === undefined) return undefined
        scale *= factor
        at = node!.inputs[0]
      }
    }
    return undefined
  }

  /** What is left of a node that masks if nothing is masked. */
  #unmasked({ operator, inputs }: Node): string | undefined {
    const [first, second, third] = inputs
    if (operator === 'Add')
      return never(this.#ranges.of(second!)) ? first : never(this.#ranges.of(first!)) ? second : undefined
    const condition = this.#ranges.of(first!)
    return always(condition) ? second : never(condition) ? third : undefined
  }

  /** What a node multiplies its first input by. */
  #factor({ operator, inputs }: Node): number | undefined {
    if (operator === 'Identity') return 1
    if (operator !== 'Mul' && operator !== 'Div') return undefined
    const numbers = this.#numbers(inputs[1]!)
    if (numbers?.length !== 1) return undefined
    return operator === 'Mul' ? numbers[0]! : 1 / numbers[0]!
  }

  /** The product of weights and values, perhaps behind a guard against rows in which everything is masked. */
  #weighted(name: string): Node | undefined {
    const readers = this.#readers.get(name) ?? []
    const guard = readers.find(({ operator }) => operator === 'IsNaN')
    const chosen = readers.find(({ operator }) => operator === 'Where')
    if (guard && chosen && readers.length === 2)
      return chosen.inputs[0] === guard.outputs[0] && chosen.inputs[2] === name
        ? this.#weighted(chosen.outputs[0]!)
        : undefined
    const [reader] = readers
    if (readers.length !== 1 || !reader) return undefined
    if (reader.operator === 'Identity') return this.#weighted(reader.outputs[0]!)
    return reader.operator === 'MatMul' && reader.inputs[0] === name ? reader : undefined
  }

  /** Follows a side back to the tensor that was split into heads, whose axes must come out as `order`. */
  #side(name: string, order: string): Side | undefined {
    let axes = [0, 1, 2, 3]
    let scale = 1
    for (let at = name; ; ) {
      const node = this.#file.makers.get(at)
      if (!node) return undefined
      if (node.operator === 'Transpose') {
        const permutation = node.attributes.get('perm')?.integers ?? []
        axes = axes.map((axis) => permutation[axis]!)
      } else if (node.operator === 'Reshape') {
        const source = node.inputs[0]!
        const split = axes.join() === order ? this.#heads(source, node.inputs[1]!) : undefined
        return split && { source, ...split, scale }
      } else {
        const factor = this.#factor(node)
        if (factor === undefined) return undefined
        scale *= factor
      }
      at = node.inputs[0]!
    }
  }

  /** How a tensor of [batch, tokens, width] is split into heads. */
  #heads(source: string, shape: string): { heads: number; size: number } | undefined {
    const sizes = this.#shape(shape)
    const width = this.#width(source)
    if (sizes?.length !== 4 || width === undefined) return undefined
    const [, , heads = -1, size = -1] = sizes
    const found = heads > 0 ? { heads, size: size > 0 ? size : width / heads } : { heads: width / size, size }
    return found.size > 0 && found.heads * found.size === width && Number.isInteger(found.heads) ? found : undefined
  }

  /** The numbers of a shape, as far as they are known. */
  #shape(name: string): readonly (number | undefined)[] | undefined {
    const numbers = this.#numbers(name)
    if (numbers) return numbers
    const node = this.#file.makers.get(name)
    if (node?.operator !== 'Concat') return undefined
    return node.inputs.flatMap((input): readonly (number | undefined)[] => this.#numbers(input) ?? [undefined])
  }

  /** Width of the floats that a linear layer with known weights or bias gives. */
  #width(name: string): number | undefined {
    const node = this.#file.makers.get(name)
    if (node?.operator !== 'Add' && node?.operator !== 'MatMul') return undefined
    const rank = node.operator === 'Add' ? 1 : 2
    for (const input of node.inputs) {
      const constant = this.#file.constants.get(this.#same(input))
      if (constant?.type === FLOAT && constant.sizes.length === rank) return constant.sizes[rank - 1]
    }
    return undefined
  }

  /** The name of the tensor of [batch, tokens, heads x size] that the product of weights and values becomes. */
  #joinedHeads(name: string): string | undefined {
    let reader = this.#reader(name)
    // Some exporters write the shape down that the product has anyway.
    if (reader?.operator === 'Reshape' && this.#shape(reader.inputs[1]!)?.length === 4)
      reader = this.#reader(reader.outputs[0]!)
    if (reader?.operator !== 'Transpose' || reader.attributes.get('perm')?.integers.join() !== BY_HEADS)
      return undefined
    const last = this.#reader(reader.outputs[0]!)
    return last?.operator === 'Reshape' && this.#shape(last.inputs[1]!)?.length === 3 ? last.outputs[0] : undefined
  }

  /** The only node that reads a tensor's elements. */
  #reader(name: string): Node | undefined {
    const readers = (this.#readers.get(name) ?? []).filter(({ operator }) => operator !== 'Shape')
    return readers.length === 1 ? readers[0] : undefined
  }

  #numbers(name: string): readonly number[] | undefined {
    const from = this.#same(name)
    const node = this.#file.makers.get(from)
    const tensor = node?.operator === 'Constant' ? node.attributes.get('value')?.tensor : this.#file.constants.get(from)
    return tensor && numbersOf(tensor)
  }

  /** The tensor that a name is another name of: exporters write constants that are equal once. */
  #same(name: string): string {
    const node = this.#file.makers.get(name)
    return node?.operator === 'Identity' ? this.#same(node.inputs[0]!) : name
  }
}

/** Type of an attribute. */
const INTEGER = 2
