import { type OnnxConstant, type OnnxNode, onnxModel } from '../../../rig/onnx.ts'

const [HEADS, SIZE] = [2, 4]
const WIDTH = HEADS * SIZE
const WORDS = 16

/** How a graph of one layer of attention is written; each is a way of some exporter. */
export interface Written {
  /** Nodes from `products` (batch, heads, tokens, tokens) to `scores`; `mask` is attention_mask as floats of rank 4. */
  masked: readonly OnnxNode[]
  constants?: readonly OnnxConstant[]
  /** Nodes from `weights`, what softmax gives, to `kept`. */
  guarded?: readonly OnnxNode[]
  /** Axes of heads of keys before the product. */
  keys?: readonly number[]
  axis?: number
  /** What the layer reads has its tokens in one list. */
  isFlat?: boolean
}

/** The file of a graph whose token vectors come from one layer of attention, and its weights from a fixed row of numbers. */
export function attentionGraph({
  masked,
  constants = [],
  guarded,
  keys = [0, 2, 3, 1],
  axis = -1,
  isFlat,
}: Written): Uint8Array {
  let state = 1
  const weights = (count: number): number[] =>
    Array.from({ length: count }, () => {
      state = (state * 16_807) % 2_147_483_647
      return state / 2_147_483_647 - 0.5
    })
  const linear = (name: string): OnnxNode[] => [
    ['MatMul', ['read', `${name}_weights`], [`${name}_products`]],
    ['Add', [`${name}_bias`, `${name}_products`], [name]],
    ['Reshape', [name, 'by_heads'], [`${name}_heads`]],
  ]
  return onnxModel({
    inputs: [
      ['input_ids', 'int64', ['batch', 'tokens']],
      ['attention_mask', 'int64', ['batch', 'tokens']],
    ],
    outputs: [
      ['last_hidden_state', 'float', ['batch', 'tokens', WIDTH]],
      ['mask', 'float', ['batch', 1, 1, 'tokens']],
    ],
    constants: [
      ['table', 'float', [WORDS, WIDTH], weights(WORDS * WIDTH).map((value) => 4 * value)],
      ...['q', 'k', 'v'].flatMap((name): OnnxConstant[] => [
        [`${name}_weights`, 'float', [WIDTH, WIDTH], weights(WIDTH * WIDTH)],
        [`${name}_bias`, 'float', [WIDTH], weights(WIDTH)],
      ]),
      ['by_heads', 'int64', [4], isFlat ? [1, -1, HEADS, SIZE] : [0, 0, -1, SIZE]],
      ['flat', 'int64', [2], [-1, WIDTH]],
      ['joined', 'int64', [3], [0, 0, WIDTH]],
      ['one_two', 'int64', [2], [1, 2]],
      ['zero', 'float', [], [0]],
      ['one', 'float', [], [1]],
      ['lowest', 'float', [], [-1e30]],
      ['root', 'float', [], [Math.sqrt(SIZE)]],
      ...constants,
    ],
    nodes: [
      ['Gather', ['table', 'input_ids'], ['embedded'], { axis: 0 }],
      isFlat ? ['Reshape', ['embedded', 'flat'], ['read']] : ['Identity', ['embedded'], ['read']],
      ['Cast', ['attention_mask'], ['mask_floats'], { to: 1 }],
      ['Unsqueeze', ['mask_floats', 'one_two'], ['mask']],
      ...linear('q'),
      ...linear('k'),
      ...linear('v'),
      ['Transpose', ['q_heads'], ['queries'], { perm: [0, 2, 1, 3] }],
      ['Transpose', ['k_heads'], ['keys'], { perm: keys }],
      ['Transpose', ['v_heads'], ['values'], { perm: [0, 2, 1, 3] }],
      ['MatMul', ['queries', 'keys'], ['products']],
      ...masked,
      ['Softmax', ['scores'], ['weights'], { axis }],
      ...(guarded ?? [['Identity', ['weights'], ['kept']] satisfies OnnxNode]),
      ['MatMul', ['kept', 'values'], ['mixed']],
      ['Transpose', ['mixed'], ['mixed_tokens'], { perm: [0, 2, 1, 3] }],
      ['Reshape', ['mixed_tokens', 'joined'], ['last_hidden_state']],
    ],
  })
}
