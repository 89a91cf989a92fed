import { describe, expect, it } from 'vitest'
import { filter } from '../../../stages/filter/stage.ts'
import { artifactFrom, checkedOptions, datasetInput, runStage } from '../../rig/stage.ts'
import { kept, mulberry, pair, pairsInput, rejected, runSteps, stepOf } from './rows.ts'

describe('boilerplate', () => {
  it.each([
    ['What does the passage say about tea?', 'refers_to_passage'],
    ['who is the main character in this document', 'refers_to_passage'],
    ['according to the above text how is tea made', 'refers_to_passage'],
    ["I'm sorry, but I cannot write a query", 'refusal'],
    ['As an AI language model, I have no taste', 'refusal'],
    ['I can’t help with that', 'refusal'],
    ['Here is a search query for the tea', 'about_the_task'],
    ['Sure! Here are some ideas', 'about_the_task'],
    ['Relevant Query: green tea temperature', 'prompt_echo'],
    ['Document 3: tea', 'prompt_echo'],
    ['{{query}}', 'placeholder'],
    ['how to brew <|im_end|>', 'placeholder'],
    ['N/A', 'placeholder'],
  ])('drops %j', async (query, rule) => {
    const result = await runSteps([{ boilerplate: {} }], [pair('1', 'tea', query)])
    expect(result.rows('rejected', 'pairs.jsonl')).toMatchObject([{ reason: 'boilerplate', detail: rule }])
    expect(stepOf(result).rules).toEqual({ [rule]: 1 })
  })

  it.each([
    'how hot should water for green tea be',
    'bird passage over the alps in autumn',
    'why did the passage of time feel slower',
    'sorry seems to be the hardest word lyrics',
    'what is a query language',
    'sure start centres in england',
    'document management software',
    'who wrote an author unknown',
  ])('keeps %j', async (query) => {
    expect(kept(await runSteps([{ boilerplate: {} }], [pair('1', 'tea', query)]))).toEqual(['1'])
  })

  it("drops the user's phrases at word boundaries, and what stands in the prompt", async () => {
    const rows = [
      pair('1', 'tea', 'Please, advise on tea'),
      pair('2', 'tea', 'pleased advisers'),
      pair('3', 'tea', 'What is the capital of France?'),
      pair('4', 'tea', 'capital of France'),
    ]
    const prompt = { examples: [{ query: 'what is the capital of france' }], template: 'Write a query: {{text}}' }
    const result = await runSteps(
      [{ boilerplate: { phrases: ['please advise'], prompt: { $input: 'steps/0/boilerplate/prompt' } } }],
      rows,
      { 'steps/0/boilerplate/prompt': { type: 'prompt', path: 'prompt.yaml', value: prompt } },
    )
    expect(kept(result)).toEqual(['2', '4'])
    expect(stepOf(result).rules).toEqual({ phrase: 1, prompt_echo: 1 })
  })
})

describe('duplicate', () => {
  it('near_by minhash drops what exact drops, on a thousand queries', async () => {
    const random = mulberry(5)
    const word = (): string => `w${Math.floor(random() * 60)}`
    const rows = Array.from({ length: 1000 }, (_, i) =>
      pair(`${i}`, 'tea', Array.from({ length: 4 + Math.floor(random() * 3) }, word).join(' ')),
    )
    const near = rows.flatMap((row, i) =>
      i % 3 === 0 ? [row, { ...row, _id: `${row._id}-again`, query: `${row.query} ${word()}` }] : [row],
    )
    const exact = kept(await runSteps([{ duplicate: { near: 0.7 } }], near))
    const sketched = kept(await runSteps([{ duplicate: { near: 0.7, near_by: 'minhash' } }], near))
    expect(exact.length).toBeLessThan(near.length - 250)
    const both = sketched.filter((id) => exact.includes(id)).length
    expect(both / Math.max(exact.length, sketched.length)).toBeGreaterThan(0.99)
  })
})

describe('logprob', () => {
  const rows = [0.5, -2, -0.25, -1, -0.5].map((logprob, i) => pair(`${i}`, 'tea', `query ${i}`, -Math.abs(logprob)))

  it('keeps the likeliest, by count, share or value, and records the threshold', async () => {
    const best = await runSteps([{ logprob: { top_k: 2 } }], rows)
    expect(kept(best)).toHaveLength(2)
    expect(kept(best)).toContain('2')
    expect(stepOf(best)).toMatchObject({ threshold: -0.5, kept: 2, dropped: 3, score: { n: 5, max: -0.25, min: -2 } })
    const share = await runSteps([{ logprob: { percentile: 40 } }], rows)
    expect(kept(share)).toEqual(['0', '2', '4'])
    expect(rejected(share)).toEqual([
      ['1', 'logprob', -2],
      ['3', 'logprob', -1],
    ])
    expect(kept(await runSteps([{ logprob: { threshold: -1 } }], rows))).toEqual(['0', '2', '3', '4'])
  })

  it('takes over the threshold of another filter, through filters between them', async () => {
    const first = await runSteps([{ length: {} }, { logprob: { percentile: 40 } }], rows)
    expect(JSON.parse(first.text('pairs', 'thresholds.json'))).toEqual({
      schema: 1,
      thresholds: [{ step: 'logprob', threshold: -0.5 }],
    })
    expect(first.files('rejected')).not.toContain('thresholds.json')
    const other = [pair('a', 'tea', 'query a', -0.4), pair('b', 'tea', 'query b', -0.6)]
    const steps = [{ logprob: { threshold_from: { $input: 'steps/0/logprob/threshold_from' } } }]
    const taken = await runSteps(steps, other, {
      'steps/0/logprob/threshold_from': artifactFrom('pairs', first.folder('pairs')),
    })
    expect(kept(taken)).toEqual(['a'])
    expect(stepOf(taken).threshold).toBe(-0.5)
    const passed = await runStage(
      filter,
      { pairs: 'x', steps: [{ length: {} }] },
      { pairs: artifactFrom('pairs', first.folder('pairs')) },
    )
    expect(passed.files('pairs')).not.toContain('thresholds.json')
    await expect(runSteps(steps, other, { 'steps/0/logprob/threshold_from': pairsInput(rows) })).rejects.toMatchObject({
      name: 'StageError',
      message: '`threshold_from` names pairs of which no threshold of a step `logprob` is known',
    })
  })

  it('drops and counts pairs without one, and says what to do where none has one', async () => {
    const result = await runSteps([{ logprob: { top_k: 10 } }], [...rows, pair('bare', 'tea', 'bare')])
    expect(rejected(result)).toEqual([['bare', 'logprob', null]])
    expect(stepOf(result).without_logprob).toBe(1)
    await expect(runSteps([{ logprob: { top_k: 10 } }], [pair('bare', 'tea', 'bare')])).rejects.toMatchObject({
      name: 'StageError',
      advice: 'Set `decoding: {logprobs: true}` in `generate` (not every server gives them).',
    })
  })

  it.each([
    [{}, 'steps/0/logprob: `logprob` needs `threshold`, `percentile`, `top_k` or `threshold_from`'],
    [{ top_k: 1, percentile: 5 }, 'steps/0/logprob: only one of `percentile` and `top_k` can draw the line'],
  ])('refuses %j', (logprob, message) => {
    expect(() => checkedOptions(filter, { pairs: 'x', steps: [{ logprob }] })).toThrow(message)
  })
})

describe('decontaminate', () => {
  it('drops queries that nearly equal one of the evaluation queries, and counts these', async () => {
    const split = datasetInput({
      split: 'test',
      queries: [
        { _id: 'q1', text: 'How hot should green tea be?' },
        { _id: 'q2', text: 'who invented the kettle' },
        { _id: 'unjudged', text: 'what boils water' },
      ],
      qrels: 'q1\ttea\t1\nq2\tkettle\t1\n',
    })
    const rows = [
      pair('1', 'tea', 'how hot should the green tea be'),
      pair('2', 'tea', 'what boils water'),
      pair('3', 'kettle', 'how long does a kettle take'),
    ]
    const step = (jaccard?: number) => [
      {
        decontaminate: {
          against: [{ $input: 'steps/0/decontaminate/against/0' }],
          ...(jaccard === undefined ? {} : { jaccard }),
        },
      },
    ]
    const inputs = { 'steps/0/decontaminate/against/0': split }
    const result = await runSteps(step(), rows, inputs)
    expect(kept(result)).toEqual(['2', '3'])
    expect(stepOf(result)).toMatchObject({ evaluation_queries: 2, evaluation_queries_reached: 1 })
    expect(kept(await runSteps(step(0.9), rows, inputs))).toEqual(['1', '2', '3'])
  })
})

describe('sample', () => {
  const rows = Array.from({ length: 40 }, (_, i) => pair(`${i}`, i % 4 === 0 ? 'kettle' : 'tea', `query ${i}`, -i))

  it('caps the queries of a passage, nested, and whatever the order of the rows', async () => {
    const three = kept(await runSteps([{ sample: { per_passage: 3 } }], rows))
    expect(three).toHaveLength(6)
    const five = kept(await runSteps([{ sample: { per_passage: 5 } }], rows))
    for (const id of three) expect(five).toContain(id)
    const reversed = kept(await runSteps([{ sample: { per_passage: 3 } }], [...rows].reverse()))
    expect(new Set(reversed)).toEqual(new Set(three))
    const alone = kept(
      await runSteps(
        [{ sample: { per_passage: 3 } }],
        rows.filter((row) => row.passage_id === 'tea'),
      ),
    )
    expect(alone).toEqual(three.filter((id) => Number(id) % 4 !== 0))
    expect(kept(await runSteps([{ sample: { per_passage: 3, seed: 2 } }], rows))).not.toEqual(three)
  })

  it('caps all of them, and takes the likeliest where asked to', async () => {
    const ten = kept(await runSteps([{ sample: { count: 10 } }], rows))
    expect(ten).toHaveLength(10)
    const twenty = kept(await runSteps([{ sample: { count: 20 } }], rows))
    for (const id of ten) expect(twenty).toContain(id)
    expect(kept(await runSteps([{ sample: { per_passage: 2, by: 'logprob' } }], rows))).toEqual(['0', '1', '2', '4'])
    expect(() => checkedOptions(filter, { pairs: 'x', steps: [{ sample: {} }] })).toThrow('needs `per_passage`')
  })
})

describe('keep_scores', () => {
  it('gives every row what the steps measured before they dropped it', async () => {
    const rows = [pair('1', 'tea', 'tea', -1), pair('2', 'tea', 'hot green tea', -2), pair('3', 'tea', 'good tea', -3)]
    const result = await runSteps(
      [{ length: { min_words: 2 } }, { logprob: { top_k: 1 } }],
      rows,
      {},
      { keep_scores: true },
    )
    expect(result.rows('pairs', 'pairs.jsonl')).toEqual([{ ...rows[1], scores: { length: 3, logprob: -2 } }])
    expect(result.rows('rejected', 'pairs.jsonl')).toEqual([
      { ...rows[0], scores: { length: 1 }, reason: 'length', score: 1 },
      { ...rows[2], scores: { length: 2, logprob: -3 }, reason: 'logprob', score: -3 },
    ])
  })
})
