import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { analysesText } from '../../../engine/report/analyses-text.ts'
import { analysis } from '../../../stages/analysis/stage.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { draws, simulated } from '../../engine/util/statistics/simulated.ts'
import { checkedOptions, runStage } from '../../rig/stage.ts'
import { DATA, present } from '../eval/collections.ts'
import { curveInput, pairsInput, scoresInput } from './sweep.ts'

const METRIC = 'ndcg@10'
const QUERIES = 200
const MARK = { $input: 'x' }

type Inputs = { [name: string]: StageInput }

/** Options of systems whose inputs stand there as anything. */
function systems(...entries: { [name: string]: Json }[]): Json {
  return { systems: entries.map((entry) => ({ scores: MARK, ...entry })) }
}

/** Three trainings of a system, as the members of a list over variants. */
function trainings(
  at: string,
  means: { ndcg: number; recall?: number },
  seed: number,
  options: { axes?: string; leaked?: boolean[]; augmented?: boolean[]; noise?: number } = {},
): Inputs {
  const spread = { queries: QUERIES, replicates: 3, seed: 0.004, noise: options.noise ?? 0.1 }
  const ndcg = simulated(means.ndcg, spread, draws(seed))
  const recall = simulated(means.recall ?? 0.9, spread, draws(seed + 1000))
  const { leaked, augmented, axes = '' } = options
  return Object.fromEntries(
    ndcg.map((values, r) => [
      `${at}/${axes}train_seed=${r}`,
      scoresInput({
        metrics: { [METRIC]: values, 'recall@100': recall[r]! },
        ...(leaked && { leaked }),
        ...(augmented && { augmented }),
      }),
    ]),
  )
}

function curves(at: string, steps: number, axes = ''): Inputs {
  return Object.fromEntries([0, 1, 2].map((r) => [`${at}/${axes}train_seed=${r}`, curveInput(steps)]))
}

/** Passages of MS MARCO with the queries that LLaMA-7B wrote for them. */
function llamaPairs(count: number): { query: string; text: string }[] {
  const rows = (name: string): { [field: string]: string }[] =>
    readFileSync(path.join(DATA, 'msmarco-mini', name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  const texts = new Map(rows('corpus.jsonl').map(({ _id, text }) => [_id, text!]))
  return rows('pseudo/llama7b-softprompt-1000.jsonl')
    .slice(0, count)
    .map(({ text, doc_id }) => ({ query: text!, text: texts.get(doc_id)! }))
}

async function findings(options: Json, inputs: Inputs) {
  const { text, summary, files } = await runStage(analysis, options, inputs)
  expect(files('analysis')).toEqual(['analysis.csv', 'analysis.json', 'analysis.md', 'analysis.tex'])
  return {
    found: JSON.parse(text('analysis', 'analysis.json')),
    markdown: text('analysis', 'analysis.md'),
    text,
    summary,
  }
}

describe('means and contrasts', () => {
  test('replicates are folded, and what is better is told from what is not', async () => {
    const inputs = {
      'systems/0/scores': scoresInput({
        metrics: {
          [METRIC]: simulated(0.5, { queries: QUERIES, replicates: 1, seed: 0 }, draws(1))[0]!,
          'recall@100': Array(QUERIES).fill(0.9),
        },
      }),
      ...trainings('systems/1/scores', { ndcg: 0.6 }, 2),
      ...trainings('systems/2/scores', { ndcg: 0.5 }, 3),
    }
    const options = systems({ label: 'BM25', baseline: true }, { label: 'better' }, { label: 'same' })
    const { found, markdown, text, summary } = await findings(options, inputs)
    const [{ systems: means, contrasts, queries }] = found.collections
    expect(queries).toBe(QUERIES)
    expect(means.map((one: { system: string; replicates: number }) => [one.system, one.replicates])).toEqual([
      ['BM25', 1],
      ['better', 3],
      ['same', 3],
    ])
    expect(means[1].metrics[METRIC].sd).toBeGreaterThan(0)
    expect(means[0].metrics[METRIC].sd).toBeNull()
    expect(contrasts).toMatchObject([
      { a: 'better', b: 'BM25', replicates: 3 },
      { a: 'same', b: 'BM25' },
    ])
    expect(contrasts[0].p).toBeLessThan(0.01)
    expect(contrasts[0].low).toBeGreaterThan(0)
    expect(contrasts[1].p).toBeGreaterThan(0.05)
    expect(found.signatures).toEqual([])
    expect(summary.warnings).toBeUndefined()
    expect(markdown).toContain('| better | BM25 | +0.1')
    expect(markdown).toContain('paired max-T sign-flip test')
    expect(text('analysis', 'analysis.csv')).toMatch(/^collection 1,better,ndcg@10,0\.6\d+,0\.\d+,0\.6\d+,3,200\r$/m)
    expect(text('analysis', 'analysis.tex')).toContain('\\begin{tabular}')
  })

  test('declared contrasts are the family, each with its variant of the same values', async () => {
    const inputs = {
      ...trainings('systems/0/scores', { ndcg: 0.5 }, 1, { axes: 'density=1,' }),
      ...trainings('systems/0/scores', { ndcg: 0.5 }, 2, { axes: 'density=3,' }),
      ...trainings('systems/1/scores', { ndcg: 0.6 }, 3, { axes: 'density=1,' }),
      ...trainings('systems/1/scores', { ndcg: 0.6 }, 4, { axes: 'density=3,' }),
    }
    const options = { ...(systems({ label: 'a' }, { label: 'b' }) as object), contrasts: [{ a: 'b', b: 'a' }] }
    const { found } = await findings(options, inputs)
    expect(found.collections[0].contrasts.map(({ a, b }: { a: string; b: string }) => [a, b])).toEqual([
      ['b [density=1]', 'a [density=1]'],
      ['b [density=3]', 'a [density=3]'],
    ])
  })

  test('a metric that one of them was not measured in is no zero: it is left out, or refused where it is asked for', async () => {
    const flat = (value: number): number[] => Array(20).fill(value)
    const inputs = {
      'systems/0/scores': scoresInput({ metrics: { 'recall@100': flat(0.9), [METRIC]: flat(0.5) } }),
      'systems/1/scores': scoresInput({ metrics: { map: flat(0.4), [METRIC]: flat(0.6), 'recall@100': flat(0.9) } }),
    }
    const options = systems({ label: 'plain', baseline: true }, { label: 'other' })
    const { found } = await findings(options, inputs)
    expect(found.metrics).toEqual(['recall@100', METRIC])
    const turned = { 'systems/0/scores': inputs['systems/1/scores'], 'systems/1/scores': inputs['systems/0/scores'] }
    expect((await findings(options, turned)).found.metrics).toEqual([METRIC, 'recall@100'])
    await expect(runStage(analysis, { ...(options as object), metrics: ['map'] }, inputs)).rejects.toThrow(
      'plain was not measured in map on collection 1',
    )
    const apart = { ...inputs, 'systems/0/scores': scoresInput({ metrics: { mrr: flat(0.5) } }) }
    await expect(runStage(analysis, options, apart)).rejects.toThrow('in no metric that all of them have')
  })

  test('labels must be there, and stand once', () => {
    const twice = systems({ label: 'x' }, { label: 'x' })
    expect(() => checkedOptions(analysis, twice)).toThrow('"x" stands here twice')
    const options = { ...(systems({ label: 'x' }) as object), contrasts: [{ a: 'x', b: 'y' }] }
    expect(() => checkedOptions(analysis, options)).toThrow('no system is called "y"')
  })

  test('two results that no axis tells apart, and two ways of measuring, are errors', async () => {
    const one = scoresInput({ metrics: { [METRIC]: [1, 0] } })
    const options = systems({ label: 'x' })
    const clash = { 'systems/0/scores/a=1': one, 'systems/0/scores/a=2': one }
    const named = { ...(systems({ label: 'x', collection: 'c' }) as object), collections: 'a' }
    await expect(runStage(analysis, named, clash)).rejects.toThrow('x has two results on c that nothing tells apart')
    const other = scoresInput({ metrics: { [METRIC]: [1, 0] }, profile: 'beir' })
    await expect(
      runStage(analysis, options, { 'systems/0/scores/train_seed=1': one, 'systems/0/scores/train_seed=2': other }),
    ).rejects.toThrow('measured in two ways')
  })
})

describe('a plateau', () => {
  const SCALES = [0.25, 0.5, 0.75, 1]
  const sweep = (means: readonly number[], steps: readonly number[], extra: object = {}): Inputs =>
    Object.assign(
      {},
      ...SCALES.map((scale, i) => ({
        ...trainings('systems/0/scores', { ndcg: means[i]! }, 7, { axes: `scale=${scale},`, noise: 0.02, ...extra }),
        ...curves('systems/0/curve', steps[i]!, `scale=${scale},`),
      })),
    )
  const options = { ...(systems({ label: 'x', curve: MARK }) as object), plateau: { axis: 'scale', delta: 0.02 } }

  test('is where the bound of what is missing falls below delta', async () => {
    const { found } = await findings(options, sweep([0.4, 0.5, 0.5, 0.5], [200, 200, 200, 200]))
    expect(found.collections[0].plateaus).toMatchObject([{ system: 'x', axis: 'scale', at: '0.5' }])
    expect(found.collections[0].plateaus[0].points).toHaveLength(4)
  })

  test('of a single query has no bounds, and no contrast an interval, in any format', async () => {
    const one = (value: number) => scoresInput({ metrics: { [METRIC]: [value] } })
    const inputs = Object.fromEntries(
      [0.25, 0.5, 1].flatMap((scale) =>
        [0, 1].map((r) => [`systems/0/scores/scale=${scale},train_seed=${r}`, one(0.5)]),
      ),
    )
    const both = { ...inputs, 'systems/1/scores': one(0.4) }
    const asked = { ...(systems({ label: 'x' }, { label: 'y', baseline: true }) as object), plateau: { axis: 'scale' } }
    const { markdown, text, found } = await findings(asked, both)
    expect(markdown).toContain('1 query\n')
    expect(markdown).toContain('| x \\[scale=1\\] | y | +0.1000 | not known | 1.000 | 2 |')
    expect(markdown).toContain('0.25: not known')
    for (const name of ['analysis.md', 'analysis.tex', 'analysis.csv'])
      expect(text('analysis', name)).not.toMatch(/Infinity|NaN/)
    const said = { node: 'study', fresh: true, metrics: [METRIC], collections: found.collections, signs: [] }
    expect(analysesText([said as never])).toMatch(/^x \[scale=1\] +y +\+0\.1000 +not known +1\.000 +2$/m)
  })

  test('is undetermined while it rises, with unequal steps, few values or few seeds', async () => {
    const rising = await findings(options, sweep([0.3, 0.4, 0.5, 0.6], [200, 200, 200, 200]))
    expect(rising.found.collections[0].plateaus[0].undetermined).toContain('no value below 1 is shown to be within')
    const unequal = await findings(options, sweep([0.4, 0.5, 0.5, 0.5], [50, 100, 150, 200]))
    expect(unequal.found.collections[0].plateaus[0]).not.toHaveProperty('at')
    expect(unequal.found.collections[0].plateaus[0].undetermined).toContain('50 to 200 steps')
    expect(unequal.found.signatures).toMatchObject([{ kind: 'unequal-steps', from: 50, to: 200 }])
    const all = Object.entries(sweep([0.4, 0.5, 0.5, 0.5], [200, 200, 200, 200]))
    const few = Object.fromEntries(all.filter(([name]) => !name.includes('scale=0.25')))
    expect((await findings(options, few)).found.collections[0].plateaus[0].undetermined).toContain('3 values of scale')
    const single = Object.fromEntries(all.filter(([name]) => !/train_seed=[12]/.test(name)))
    expect((await findings(options, single)).found.collections[0].plateaus[0].undetermined).toContain(
      '1 trainings of each',
    )
    const untold = Object.fromEntries(all.filter(([name]) => !name.includes('curve')))
    expect((await findings(options, untold)).found.collections[0].plateaus[0].undetermined).toContain(
      'no `curve` tells',
    )
  })

  test('in the target corpus is shown for augmented answers and for the others', async () => {
    const augmented = Array.from({ length: QUERIES }, (_, q) => q % 2 === 0)
    const { found } = await findings(options, sweep([0.4, 0.5, 0.5, 0.5], [200, 200, 200, 200], { augmented }))
    expect(found.collections[0].setting).toBe('target-corpus')
    expect(found.collections[0].plateaus_augmented.yes).toHaveLength(1)
    expect(found.collections[0].plateaus_augmented.no).toHaveLength(1)
  })
})

describe('signs', () => {
  test('recall up while nDCG goes down, in every training', async () => {
    const options = systems({ label: 'before', baseline: true }, { label: 'after' })
    const inputs = {
      ...trainings('systems/0/scores', { ndcg: 0.6, recall: 0.7 }, 1),
      ...trainings('systems/1/scores', { ndcg: 0.5, recall: 0.8 }, 1),
    }
    const { found, summary } = await findings(options, inputs)
    expect(found.signatures).toMatchObject([{ kind: 'recall-up-ndcg-down', system: 'after', than: 'before' }])
    expect(summary.warnings![0]).toContain('after finds more than before')
  })

  test('queries that training gives away are told of, and left out of the headline', async () => {
    const leaked = Array.from({ length: QUERIES }, (_, q) => q < 50)
    const options = systems({ label: 'x' })
    const { found } = await findings(options, trainings('systems/0/scores', { ndcg: 0.5 }, 1, { leaked }))
    expect(found.signatures).toEqual([
      { kind: 'leaked-queries', collection: 'collection 1', leaked: 50, queries: QUERIES },
    ])
    expect(found.collections[0]).toMatchObject({ queries: 150, all_queries: QUERIES })
  })

  const TOPICS = Array.from({ length: 120 }, (_, i) => ({
    query: `which enzyme cleaves substrate${i} in tissue${i}`,
    text: `The enzyme cleaves substrate${i} quickly. It was measured in tissue${i} of mice and described at length.`,
  }))
  const withPairs = async (pairs: readonly { query: string; text: string }[]) =>
    findings(systems({ label: 'x', pairs: MARK }), {
      ...trainings('systems/0/scores', { ndcg: 0.5 }, 1),
      'systems/0/pairs/only': pairsInput(pairs),
    })

  test('queries that are what they should be show nothing', async () => {
    const { found } = await withPairs(TOPICS)
    expect(found.signatures).toEqual([])
    expect(found.queries.x).toMatchObject({ pairs: 120, general: 0, repeated: 0 })
  })

  test('queries that fit any passage are too general', async () => {
    const { found } = await withPairs(
      TOPICS.map((one, i) => (i % 3 === 0 ? { ...one, query: 'what was measured in mice' } : one)),
    )
    expect(found.signatures).toMatchObject([{ kind: 'over-general-queries', system: 'x' }])
  })

  test('queries of other passages are shuffled', async () => {
    const { found } = await withPairs(
      TOPICS.map((one, i) => ({
        ...one,
        query: TOPICS[(i + 1) % 120]!.query.replace('enzyme', 'agent').replace('cleaves', 'splits'),
      })),
    )
    expect(found.signatures).toMatchObject([{ kind: 'shuffled-pairs', system: 'x' }])
  })

  test('a sweep with nothing wrong shows nothing, whatever is given to look at', async () => {
    const leaked = Array(QUERIES).fill(false)
    const inputs = {
      ...trainings('systems/0/scores', { ndcg: 0.5 }, 1, { leaked }),
      ...curves('systems/0/curve', 200),
      ...trainings('systems/1/scores', { ndcg: 0.6 }, 2, { leaked }),
      ...curves('systems/1/curve', 200),
      'systems/1/pairs/only': pairsInput(TOPICS),
    }
    const options = systems({ label: 'a', baseline: true, curve: MARK }, { label: 'b', curve: MARK, pairs: MARK })
    const { found, summary } = await findings(options, inputs)
    expect(found.signatures).toEqual([])
    expect(summary.warnings).toBeUndefined()
  })

  test.skipIf(!present('msmarco-mini'))(
    'real queries: as they are, wrongly paired, and a fifth of them too general',
    async () => {
      const pairs = llamaPairs(1000)
      expect((await withPairs(pairs)).found.signatures).toEqual([])
      const shuffled = pairs.map(({ text }, i) => ({ text, query: pairs[(i + 1) % pairs.length]!.query }))
      expect((await withPairs(shuffled)).found.signatures).toMatchObject([{ kind: 'shuffled-pairs' }])
      const general = pairs.map((one, i) => (i % 5 === 0 ? { ...one, query: 'what is it used for' } : one))
      expect((await withPairs(general)).found.signatures).toMatchObject([{ kind: 'over-general-queries' }])
    },
  )

  test('one kind of task that collapses in every training, while the others gain', async () => {
    const result = (mean: number, seed: number, task: { name: string; group: string }) =>
      simulated(mean, { queries: QUERIES, replicates: 3, seed: 0.002, noise: 0.05 }, draws(seed)).map((values) =>
        scoresInput({ metrics: { [METRIC]: values }, task }),
      )
    const inputs: Inputs = {}
    const tasks = [
      { name: 'SciFact', group: 'Fact checking', before: 0.6, after: 0.45 },
      { name: 'NFCorpus', group: 'Bio-medical', before: 0.3, after: 0.36 },
      { name: 'FiQA2018', group: 'Question answering', before: 0.3, after: 0.36 },
    ]
    for (const [t, { name, group, before, after }] of tasks.entries())
      for (const [i, mean] of [before, after].entries())
        for (const [r, input] of result(mean, 11 + t, { name, group }).entries())
          inputs[`systems/${i}/scores/set=${name},train_seed=${r}`] = input
    const options = {
      ...(systems({ label: 'before', baseline: true }, { label: 'after' }) as object),
      collections: 'set',
    }
    const { found } = await findings(options, inputs)
    expect(found.signatures).toMatchObject([
      { kind: 'task-group-collapse', system: 'after', than: 'before', group: 'Fact checking' },
    ])
    expect(found.macro.means[0]).toMatchObject({ system: 'before', collections: ['SciFact', 'NFCorpus', 'FiQA2018'] })
    expect(found.macro.means[0].mean).toBeCloseTo(0.4, 1)
    expect(found.macro.contrasts).toMatchObject([{ a: 'after', b: 'before', collections: 3 }])
  })
})

test('parts of one collection are averaged before anything else', async () => {
  const one = (task: { name: string; group: string; within?: string }, value: number): StageInput =>
    scoresInput({ metrics: { [METRIC]: [value, value] }, task })
  const inputs = {
    'systems/0/scores/set=a': one({ name: 'A', group: 'Duplicate questions', within: 'CQADupStack' }, 0.2),
    'systems/0/scores/set=b': one({ name: 'B', group: 'Duplicate questions', within: 'CQADupStack' }, 0.4),
    'systems/0/scores/set=c': one({ name: 'C', group: 'Question answering' }, 0.9),
  }
  const { found } = await findings({ ...(systems({ label: 'x' }) as object), collections: 'set' }, inputs)
  expect(found.macro.means[0].mean).toBeCloseTo(0.6, 10)
  expect(found.macro.means[0].collections).toEqual(['c', 'CQADupStack'])
})

test('the ladder tells gains by the strength before, absolute and as a share of what was missing', async () => {
  const flat = (value: number): StageInput => scoresInput({ metrics: { [METRIC]: [value, value] } })
  const inputs = {
    'systems/0/scores': flat(0.6),
    'systems/1/scores': flat(0.7),
    'systems/2/scores': flat(0.2),
    'systems/3/scores': flat(0.5),
  }
  const options = systems(
    { label: 'strong' },
    { label: 'strong, augmented', ladder: { of: 'strong', rung: 'full' } },
    { label: 'weak' },
    { label: 'weak, augmented', ladder: { of: 'weak', rung: 'random' } },
  )
  const { found } = await findings(options, inputs)
  expect(
    found.collections[0].ladder.map((one: { rung: string; gain: number; ofHeadroom: number }) => [
      one.rung,
      one.gain,
      one.ofHeadroom,
    ]),
  ).toEqual([
    ['random', 0.3, 0.375],
    ['full', 0.1, 0.25],
  ])
})

test('hostile names stay text in every format', async () => {
  const label = '=cmd|x <script>alert(1)</script> a_b & 50%'
  const input = scoresInput({ metrics: { [METRIC]: [0.5, 0.5] } })
  const { markdown, text } = await findings(systems({ label }), { 'systems/0/scores': input })
  expect(markdown).not.toContain('<script>')
  expect(markdown).toContain('&lt;script>')
  expect(text('analysis', 'analysis.csv')).toContain("'=cmd|x")
  expect(text('analysis', 'analysis.tex')).toContain('a\\_b \\& 50\\%')
})
