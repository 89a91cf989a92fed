import { describe, expect, it } from 'vitest'
import { filter } from '../../../stages/filter/stage.ts'
import { artifactFrom, checkedOptions } from '../../rig/stage.ts'
import { crossEncoderInput } from '../encoders/cross-encoder-input.ts'
import { kept, pair, rejected, runSteps, stepOf } from './rows.ts'

// The score of a pair is the greater, the more often its query says `cat`.
const model = () => crossEncoderInput({ cat: [1], dog: [0], '[CLS]': [0], '[SEP]': [0] })
const rows = [3, 1, 4, 0, 2].map((cats, i) => pair(`${i}`, 'tea', `dog ${'cat '.repeat(cats)}`.trim()))
const at = 'steps/0/score'
const run = (rule: object) =>
  runSteps([{ score: { model: { $input: `${at}/model` }, ...rule } }], rows, { [`${at}/model`]: model() })

describe('score', () => {
  it('keeps what the cross-encoder scores highest, and records the threshold', async () => {
    const best = await run({ top_k: 2 })
    expect(kept(best)).toEqual(['0', '2'])
    expect(stepOf(best)).toMatchObject({
      threshold: 3,
      model: { kind: 'cross-encoder' },
      score: { n: 5, min: 0, max: 4 },
    })
    expect(rejected(best)).toContainEqual(['1', 'score', 1])
    expect(kept(await run({ percentile: 40 }))).toEqual(['0', '2', '4'])
    expect(kept(await run({ threshold: 1 }))).toEqual(['0', '1', '2', '4'])
  })

  it('takes over the threshold of another filter', async () => {
    const first = await run({ top_k: 2 })
    const other = await runSteps(
      [{ score: { model: { $input: `${at}/model` }, threshold_from: { $input: `${at}/threshold_from` } } }],
      [pair('two', 'tea', 'cat cat'), pair('three', 'tea', 'cat cat cat')],
      { [`${at}/model`]: model(), [`${at}/threshold_from`]: artifactFrom('pairs', first.folder('pairs')) },
    )
    expect(kept(other)).toEqual(['three'])
  })

  it('needs one rule', () => {
    expect(() => checkedOptions(filter, { pairs: 'x', steps: [{ score: { model: 'm' } }] })).toThrow(
      'steps/0/score: `score` needs `threshold`, `percentile`, `top_k` or `threshold_from`',
    )
  })
})
