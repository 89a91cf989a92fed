import { describe, expect, it } from 'vitest'
import type { Lineage } from '../../../stages/define.ts'
import { filter } from '../../../stages/filter/stage.ts'
import { parsePrompt } from '../../../stages/generate/prompt/prompt.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../rig/fake-openai.ts'
import { checkedOptions, datasetInput } from '../../rig/stage.ts'
import { bench } from '../generate/setup.ts'
import { judgeInputs, judgeOptions, planContext, runAsking, YES_NO } from './asked.ts'
import { kept, pair, pairsInput, passages, rejected, stepOf } from './rows.ts'

const rows = Array.from({ length: 300 }, (_, i) => pair(`${i}`, i < 150 ? 'tea' : 'kettle', `query ${i}`))
const numberOf = ({ text }: SeenRequest): number => Number(/query (\d+)/.exec(text)?.[1])
const everyThird = (request: SeenRequest): Reaction => ({ answer: numberOf(request) % 3 === 0 ? 'Yes.' : 'no' })

describe('judge', () => {
  it('keeps what the model says yes to, asks about what earlier steps kept, and never twice', async () => {
    const server = await fakeOpenai(everyThird)
    const b = bench(server.url)
    const at = 'steps/1/judge'
    const options = (more: object = {}) => ({
      pairs: 'x',
      steps: [{ sample: { count: 200 } }, { judge: judgeOptions(at, { concurrency: 7, ...more }) }],
    })
    const inputs = { pairs: pairsInput(rows), ...judgeInputs(at, server.url) }
    const planned = await filter.estimate?.(planContext(filter, options(), inputs, b))
    const result = await runAsking(filter, options(), inputs, b)
    expect(result.summary.counts).toMatchObject({ pairs: 300, kept: kept(result).length })
    expect(kept(result).length).toBeGreaterThan(50)
    expect(kept(result).every((id) => Number(id) % 3 === 0)).toBe(true)
    expect(stepOf(result, 1)).toMatchObject({ unparsed: 0, refused: 0, failed: 0, score: { n: 200, min: 0, max: 1 } })
    expect(server.requests).toHaveLength(200)
    expect(server.mostAtOnce).toBeLessThanOrEqual(7)
    // The plan named every one of these requests, and knows afterwards that they are stored.
    expect(planned).toMatchObject({ exact: true })
    expect((await b.rows.known(planned?.keys ?? [])).size).toBe(200)
    expect(await filter.rows?.(planContext(filter, options(), inputs, b))).toEqual(
      expect.arrayContaining([...(planned?.keys ?? [])]),
    )
    const again = await runAsking(filter, options({ concurrency: 1 }), inputs, b)
    expect(server.requests).toHaveLength(200)
    for (const output of ['pairs', 'rejected'])
      expect(again.text(output, 'pairs.jsonl')).toBe(result.text(output, 'pairs.jsonl'))
  })

  it('drops and counts pairs without a grade, and grades on a scale', async () => {
    const server = await fakeOpenai((request) =>
      numberOf(request) === 2 ? { answer: 'hm' } : { answer: `Grade: ${numberOf(request)}` },
    )
    const prompt =
      '{mode: completion, variables: [query], user: "{{query}} {{text}}", parse: {labels: ["grade:"], scale: [0, 1, 2, 3]}}'
    const at = 'steps/0/judge'
    const few = [0, 1, 2, 3].map((i) => pair(`${i}`, 'tea', `query ${i}`))
    const b = bench(server.url)
    const result = await runAsking(
      filter,
      { pairs: 'x', steps: [{ judge: judgeOptions(at, { at_least: 1, parse_attempts: 2 }) }] },
      { pairs: pairsInput(few), ...judgeInputs(at, server.url, prompt) },
      b,
    )
    expect(kept(result)).toEqual(['1', '3'])
    expect(rejected(result)).toEqual([
      ['0', 'judge', 0],
      ['2', 'judge', null],
    ])
    expect(stepOf(result)).toMatchObject({ unparsed: 1 })
    expect(server.requests).toHaveLength(5)
  })

  it('is incomplete where pairs failed that may fail, and fails with every answer kept where more did', async () => {
    let well = false
    const server = await fakeOpenai((request) =>
      !well && numberOf(request) === 1
        ? { status: 500, body: { error: { message: 'overheated' } } }
        : { answer: 'yes' },
    )
    const at = 'steps/0/judge'
    const few = [0, 1, 2].map((i) => pair(`${i}`, 'tea', `query ${i}`))
    const b = bench(server.url)
    const run = (allow_failed: number) =>
      runAsking(
        filter,
        { pairs: 'x', steps: [{ judge: judgeOptions(at, { retries: 0, allow_failed }) }] },
        { pairs: pairsInput(few), ...judgeInputs(at, server.url) },
        b,
      )
    await expect(run(0)).rejects.toMatchObject({ name: 'StageError', transient: true })
    const partly = await run(1)
    expect(partly.summary).toMatchObject({ incomplete: 1, counts: { kept: 2, rejected: 1 } })
    well = true
    server.requests.length = 0
    expect((await run(0)).summary.counts.kept).toBe(3)
    expect(server.requests).toHaveLength(1)
  })

  it('refuses prompts that are not for a judge', () => {
    const options = checkedOptions(filter, {
      pairs: 'x',
      steps: [{ judge: judgeOptions('steps/0/judge') }],
    }) as never
    const problems = (text: string) => {
      const parsed = parsePrompt(text, 'prompt.yaml')
      if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
      const lineage: Lineage = {
        corpora: () => ['toy'],
        pairs: () => [],
        sameCorpus: (a, b) => a === b,
        dataset: () => undefined,
        splits: () => [],
        prompt: (at) => (at === 'steps/0/judge/prompt' ? parsed.value : undefined),
      }
      return filter.implied?.(options, lineage)
    }
    expect(problems(YES_NO)).toEqual([])
    expect(problems('{mode: completion, user: "Query for {{text}}:"}')).toMatchObject([
      { at: 'steps/0/judge/prompt', error: expect.stringContaining('must be shown the query') },
    ])
    expect(problems('{mode: completion, variables: [query], user: "{{query}} {{text}}"}')).toMatchObject([
      { error: expect.stringContaining('does not say what marks') },
    ])
  })
})

describe('relabel', () => {
  it('gives a query the passage with the highest grade, and takes that passage along', async () => {
    const corpus = [
      ...passages,
      { _id: 'pot', doc_id: 'pot', title: '', text: 'A tea pot keeps green tea warm.' },
      { _id: 'cup', doc_id: 'cup', title: '', text: 'A cup of black tea, in the morning.' },
    ]
    const grades: { [start: string]: string } = { pot: '3', cup: '2', tea: '1' }
    const server = await fakeOpenai(({ text }) => {
      if (text.startsWith('nobody')) return { answer: '0' }
      if (text.startsWith('same')) return { answer: '2' }
      if (text.includes('A tea pot')) return { answer: grades.pot as string }
      return { answer: (text.includes('A cup') ? grades.cup : grades.tea) as string }
    })
    const prompt = '{mode: completion, variables: [query], user: "{{query}} | {{text}}", parse: {scale: [0, 1, 2, 3]}}'
    const at = 'steps/0/relabel/judge'
    const few = [
      pair('moved', 'tea', 'what keeps green tea warm'),
      pair('stays', 'tea', 'same green tea'),
      pair('none', 'tea', 'nobody wants tea'),
    ]
    const b = bench(server.url)
    const options = {
      pairs: 'x',
      steps: [{ relabel: { top_k: 3, judge: judgeOptions(at, { at_least: 2 }) } }, { duplicate: {} }],
    }
    const inputs = {
      pairs: pairsInput(few),
      corpus: datasetInput({ corpus }),
      ...judgeInputs(at, server.url, prompt),
    }
    expect(await filter.estimate?.(planContext(filter, options, inputs, b))).toMatchObject({
      exact: false,
      further: 12,
    })
    const result = await runAsking(filter, options, inputs, b)
    expect(result.rows('pairs', 'pairs.jsonl')).toEqual([{ ...few[0], passage_id: 'pot' }, few[1]])
    expect(rejected(result)).toEqual([['none', 'relabel', 0]])
    expect(result.rows('pairs', 'passages.jsonl').map(({ _id }) => _id)).toEqual(['tea', 'kettle', 'pot'])
    expect(result.rows('rejected', 'passages.jsonl').map(({ _id }) => _id)).toEqual(['tea', 'kettle'])
    expect(result.summary.counts).toMatchObject({ relabelled: 1, passages_augmented: 1, passages_surviving: 2 })
    expect(stepOf(result)).toMatchObject({ retriever: 'bm25', relabelled: 1, kept: 2, dropped: 1 })
  })
})
