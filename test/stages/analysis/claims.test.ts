import { describe, expect, test } from 'vitest'
import { analysis } from '../../../stages/analysis/stage.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { draws, simulated } from '../../engine/util/statistics/simulated.ts'
import { checkedOptions, runStage } from '../../rig/stage.ts'
import { curveInput, scoresInput } from './sweep.ts'

const MARK = { $input: 'x' }
type Inputs = { [name: string]: StageInput }

/** Trainings of a system that differ in their seed, with their curves. */
function trained(
  system: number,
  axes: string,
  mean: number,
  { seeds = 3, steps = 200, draw = 1, first = 0, leaked = false } = {},
): Inputs {
  const values = simulated(mean, { queries: 200, replicates: seeds, seed: 0.002, noise: 0.05 }, draws(draw))
  const inputs: Inputs = {}
  for (const [r, metric] of values.entries()) {
    const own = `${axes}train_seed=${first + r}`
    const result = { metrics: { 'ndcg@10': metric }, ...(leaked && { leaked: metric.map(() => true) }) }
    inputs[`systems/${system}/scores/${own}`] = scoresInput(result)
    inputs[`systems/${system}/curve/${own}`] = curveInput(steps)
  }
  return inputs
}

const SYSTEMS = ['labelled', 'augmented'].map((label) => ({ label, scores: MARK, curve: MARK }))

async function check(claimed: readonly Json[], inputs: Inputs) {
  const options = { systems: SYSTEMS, claims: [{ claim: 'as claimed', all: [...claimed] }] }
  const { text, summary } = await runStage(analysis, options, inputs)
  const [{ claims }] = JSON.parse(text('analysis', 'analysis.json')).collections
  return { ...claims[0], markdown: text('analysis', 'analysis.md'), details: summary.details }
}

const scales = (): Inputs => ({
  ...trained(1, 'scale=0.5,', 0.5, { draw: 2 }),
  ...trained(1, 'scale=1,', 0.6, { draw: 3 }),
})
const all = (): Inputs => ({ ...trained(0, '', 0.4), ...scales() })
const half = { system: 'augmented', scale: 0.5 }
const whole = { system: 'augmented', scale: 1 }
const labelled = { system: 'labelled' }

describe('a claim', () => {
  test('holds, does not hold, or can not be told, by where the interval lies', async () => {
    const larger = { plus: [whole], minus: [half] }
    expect(await check([{ ...larger, above: 0 }], all())).toMatchObject({ verdict: 'holds' })
    expect(await check([{ ...larger, below: 0.01 }], all())).toMatchObject({ verdict: 'does not hold' })
    expect(await check([{ ...larger, above: 0.1 }], all())).toMatchObject({ verdict: 'undetermined' })
    const same = { ...trained(1, 'scale=0.5,', 0.5, { draw: 4 }), ...trained(1, 'scale=1,', 0.5, { draw: 4 }) }
    const between = await check([{ ...larger, above: -0.02, below: 0.02 }], { ...all(), ...same })
    expect(between).toMatchObject({ verdict: 'holds', differences: [{ difference: { mean: 0, low: 0, high: 0 } }] })
  })

  test('of several differences holds only with all of them', async () => {
    const rises = { plus: [whole], minus: [half], above: 0 }
    const flat = { plus: [whole], minus: [half], below: 0.01 }
    const unsure = { plus: [whole], minus: [half], above: 0.1 }
    expect(await check([rises, rises], all())).toMatchObject({ verdict: 'holds' })
    expect(await check([rises, unsure], all())).toMatchObject({ verdict: 'undetermined' })
    expect(await check([unsure, flat, rises], all())).toMatchObject({ verdict: 'does not hold' })
  })

  test('may be about a difference of differences', async () => {
    const { differences, markdown, details } = await check(
      [{ plus: [half, half], minus: [whole, labelled], below: 0.1 }],
      all(),
    )
    expect(differences[0].difference.mean).toBeCloseTo(0.5 + 0.5 - 0.6 - 0.4, 1)
    expect(markdown).toContain(
      '| as claimed | holds | ndcg@10: augmented \\[scale=0.5\\] + augmented \\[scale=0.5\\] − augmented \\[scale=1\\] − labelled |',
    )
    expect(details).toMatchObject({ claims: [{ claim: 'as claimed', collection: 'collection 1', verdict: 'holds' }] })
  })

  test('is undetermined with few trainings and with unequal steps, whatever the difference', async () => {
    const claim = [{ plus: [whole], minus: [labelled], above: 0 }]
    const few = { ...trained(0, '', 0.4, { seeds: 2 }), ...scales() }
    expect(await check(claim, few)).toMatchObject({
      verdict: 'undetermined',
      differences: [{ why: 'fewer than 3 trainings' }],
    })
    const longer = await check(claim, { ...trained(0, '', 0.4, { steps: 100 }), ...scales() })
    expect(longer.verdict).toBe('undetermined')
    expect(longer.markdown).toContain('“as claimed” is undetermined: trained for different numbers of steps.')
  })

  test('counts the trainings that both sides have, which may be fewer than each has', async () => {
    const claim = [{ plus: [whole], minus: [labelled], above: 0 }]
    const shared = (first: number) => check(claim, { ...trained(0, '', 0.4, { first }), ...scales() })
    expect(await shared(1)).toMatchObject({ differences: [{ why: 'fewer than 3 trainings' }] })
    // With none, or one, of the same seed they are samples all the same, and stand beside each other in their order.
    for (const first of [2, 3]) expect(await shared(first)).toMatchObject({ verdict: 'holds' })
  })

  test('is undetermined where a metric was not measured, or every query was given away', async () => {
    const claim = [{ plus: [whole], minus: [labelled], above: 0 }]
    const unmeasured = await check([{ ...claim[0]!, metric: 'map' }], all())
    expect(unmeasured).toMatchObject({
      verdict: 'undetermined',
      differences: [{ why: 'augmented [scale=1] was not measured in map' }],
    })
    expect(unmeasured.differences[0].difference).toBeUndefined()
    const leaked = await check(claim, { ...trained(0, '', 0.4, { leaked: true }), ...scales() })
    expect(leaked).toMatchObject({
      verdict: 'undetermined',
      differences: [{ why: 'training gave every query away' }],
    })
    expect(leaked.markdown).toContain('200 of 200 queries of collection 1 are given away by training: nothing can be')
  })

  test('names one system each, and claims something', async () => {
    const vague = [{ plus: [{ system: 'augmented' }], minus: [labelled], above: 0 }]
    await expect(check(vague, all())).rejects.toThrow('a claim speaks of 2 systems on collection 1: augmented')
    const absent = await check([{ plus: [{ ...half, scale: 0.7 }], minus: [labelled], above: 0 }], all())
    expect(absent).toMatchObject({
      verdict: 'undetermined',
      differences: [{ why: 'there is no augmented [scale=0.7]' }],
    })
    expect(absent.markdown).toContain('“as claimed” is undetermined: there is no augmented')
    const options = (one: Json) => ({ systems: SYSTEMS, claims: [{ claim: 'c', all: [one] }] })
    expect(() => checkedOptions(analysis, options({ plus: [half], minus: [labelled] }))).toThrow('nothing is claimed')
    const unknown = { plus: [{ system: 'other' }], minus: [labelled], above: 0 }
    expect(() => checkedOptions(analysis, options(unknown))).toThrow('no system is called "other"')
  })
})
