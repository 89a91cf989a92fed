import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { OnnxFile } from '../../../../stages/encoders/graph/onnx-file.ts'
import { unpaddedGraph } from '../../../../stages/encoders/graph/unpadded.ts'
import { OnnxGraph } from '../../../../stages/encoders/onnx-graph.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { attentionGraph, type Written } from './attention-graph.ts'

const OUTPUT = 'last_hidden_state'
const ROWS = [
  [2, 5, 7, 11, 3],
  [1, 13, 8, 4, 4],
]

const scaled = ['Div', ['products', 'root'], ['scaled']] as const

/** Ways of exporters to leave out what is masked. */
const MASKS: readonly [name: string, written: Written][] = [
  ['adds a large number less', { masked: [scaled, ...inverted(), ['Add', ['scaled', 'less'], ['scores']]] }],
  [
    'chooses between zero and a large number less',
    {
      masked: [
        ['Cast', ['mask'], ['is_read'], { to: 9 }],
        ['Where', ['is_read', 'zero', 'lowest'], ['less']],
        scaled,
        ['Add', ['less', 'scaled'], ['scores']],
      ],
    },
  ],
  [
    'chooses scores',
    {
      masked: [
        ['Equal', ['mask', 'zero'], ['is_masked']],
        ['Where', ['is_masked', 'lowest', 'products'], ['scores']],
      ],
    },
  ],
  [
    'guards against rows of nothing, as torch exports its own attention',
    {
      masked: [
        ['Cast', ['mask'], ['is_read'], { to: 9 }],
        ['Where', ['is_read', 'zero', 'lowest'], ['less']],
        ['Add', ['products', 'less'], ['scores']],
      ],
      guarded: [
        ['IsNaN', ['weights'], ['is_nothing']],
        ['Where', ['is_nothing', 'zero', 'weights'], ['kept']],
      ],
    },
  ],
]

function inverted(): Written['masked'] {
  return [
    ['Sub', ['one', 'mask'], ['inverted']],
    ['Mul', ['inverted', 'lowest'], ['less']],
  ]
}

const rewritten = (bytes: Uint8Array): Uint8Array | undefined => unpaddedGraph(bytes, () => OUTPUT)
const operators = (bytes: Uint8Array): string[] => new OnnxFile(bytes).nodes.map(({ operator }) => operator)

async function computed(bytes: Uint8Array): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 })
  const shape = [ROWS.length, ROWS[0]!.length]
  const int64 = (values: number[]): Tensor => new Tensor('int64', BigInt64Array.from(values, BigInt), shape)
  const feeds = { input_ids: int64(ROWS.flat()), attention_mask: int64(ROWS.flat().map(() => 1)) }
  const found = await session.run(feeds, [OUTPUT])
  await session.release()
  return found[OUTPUT]!.data as Float32Array
}

describe('a graph for rows of equal length', () => {
  it.each(MASKS)('gives what the graph gives that %s', async (_, written) => {
    const bytes = attentionGraph(written)
    const made = rewritten(bytes)!
    expect(operators(made)).toContain('MultiHeadAttention')
    for (const gone of ['Softmax', 'Where', 'Sub', 'Transpose']) expect(operators(made)).not.toContain(gone)
    const [before, after] = [await computed(bytes), await computed(made)]
    expect(after.length).toBe(before.length)
    for (const [i, value] of before.entries()) expect(Math.abs(value - after[i]!)).toBeLessThan(1e-5)
  })

  it.each<[string, Written]>([
    [
      'where places count as well',
      {
        masked: [...inverted(), ['Add', ['products', 'bias'], ['biased']], ['Add', ['biased', 'less'], ['scores']]],
        constants: [['bias', 'float', [1, 2, 1, 1], [0.5, 0]]],
      },
    ],
    [
      'where what is read is masked',
      {
        masked: [
          ['Mul', ['mask', 'lowest'], ['less']],
          ['Add', ['products', 'less'], ['scores']],
        ],
      },
    ],
    [
      'where something unknown is added',
      {
        masked: [
          ['Cos', ['mask'], ['less']],
          ['Add', ['products', 'less'], ['scores']],
        ],
      },
    ],
    ['where heads are mixed otherwise', { masked: [['Identity', ['products'], ['scores']]], keys: [0, 1, 3, 2] }],
    ['where weights are those of queries', { masked: [scaled, ['Add', ['scaled', 'zero'], ['scores']]], axis: 2 }],
  ])('is not made %s', (_, written) => {
    expect(rewritten(attentionGraph(written))).toBeUndefined()
  })

  it('leaves out other outputs and what only they need', () => {
    const made = new OnnxFile(rewritten(attentionGraph(MASKS[0]![1]))!)
    expect(made.outputs).toEqual([{ name: OUTPUT, rank: 3 }])
    expect(made.inputs).toEqual(['input_ids', 'attention_mask'])
    expect([...made.constants.keys()]).not.toContain('lowest')
  })

  it('is refused where the bytes are no graph', () => {
    const bytes = attentionGraph(MASKS[0]![1])
    expect(() => rewritten(bytes.subarray(0, bytes.length - 7))).toThrow('no protobuf message')
    expect(() => rewritten(new Uint8Array(0))).toThrow('no ONNX graph')
  })
})

describe('a graph that is opened', () => {
  const open = (written: Written): Promise<OnnxGraph> => {
    const file = path.join(temporaryFolder(), 'model.onnx')
    writeFileSync(file, attentionGraph(written))
    return OnnxGraph.open(file, 'model.onnx', { device: { kind: 'cpu' }, threads: 1 }, [{ rank: 3, names: [OUTPUT] }])
  }

  it('takes rows of equal length where attention is known, and rows with padding elsewhere', async () => {
    const known = await open(MASKS[0]![1])
    expect(known.isUnpadded).toBe(true)
    const together = await known.run(ROWS.map((ids) => ({ ids })))
    const alone = await known.run([{ ids: ROWS[1]! }])
    const [tokens, width] = together.shape.slice(1) as [number, number]
    for (const [i, value] of alone.data.entries())
      expect(Math.abs(value - together.data[tokens * width + i]!)).toBeLessThan(1e-6)
    await known.close()

    const other = await open({ ...MASKS[0]![1], axis: 2 })
    expect(other.isUnpadded).toBe(false)
    await other.close()
  })

  it('is left as it is where the shapes turn out to be others', async () => {
    const flat: Written = { masked: [scaled, ['Add', ['scaled', 'zero'], ['scores']]], isFlat: true }
    expect(rewritten(attentionGraph(flat))).toBeDefined()
    const graph = await open(flat)
    expect(graph.isUnpadded).toBe(false)
    expect((await graph.run([{ ids: ROWS[0]! }])).data.length).toBe(5 * 8)
    await graph.close()
  })
})
