import { basename } from 'node:path'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import type { AuditGrade, AuditItem, AuditNode, Json } from '../define.ts'
import type { Prompt } from '../generate/prompt/prompt.ts'
import type { Settled } from '../generate/question.ts'
import { rowAnswer } from '../generate/row-answer.ts'
import { judgeQuestion, judgeSetup } from '../judge/judge.ts'
import type { AskedJudge } from '../judge/options.ts'

type Stored = (keys: readonly RowKey[]) => Promise<ReadonlyMap<RowKey, CanonicalValue>>

/** A way to ask a model about a pair, as some node does. */
interface AskedWay {
  judge: string
  setup: ReturnType<typeof judgeSetup>
  attempts: number
}

/**
 * What judges among the nodes said of these items, as far as their answers are stored, whoever asked. Nothing is asked.
 * Judges are found where a prompt that shows a query stands beside a model.
 */
export async function gradesOf(
  items: readonly AuditItem[],
  nodes: Iterable<AuditNode>,
  stored: Stored,
): Promise<ReadonlyMap<string, readonly AuditGrade[]>> {
  const ways = new Map<string, AskedWay>()
  for (const node of nodes)
    for (const found of judgesIn(node.options)) {
      const way = askedWay(found, node)
      if (way) ways.set(JSON.stringify(way), way)
    }
  const grades = new Map<string, AuditGrade[]>()
  for (const { judge, setup, attempts } of ways.values())
    for (const { pair, query, title, text } of items) {
      const grade = await storedGrade(judgeQuestion(setup, query, { title, text }, attempts), stored)
      if (grade !== undefined) grades.set(pair, [...(grades.get(pair) ?? []), { judge, grade }])
    }
  return grades
}

async function storedGrade(question: ReturnType<typeof judgeQuestion>, stored: Stored): Promise<number | undefined> {
  let next: IteratorResult<{ key: RowKey }, Settled> = question.next()
  while (!next.done) {
    const value = (await stored([next.value.key])).get(next.value.key)
    if (value === undefined) return undefined
    next = question.next(rowAnswer(value))
  }
  return next.value.kind === 'parsed' ? next.value.parsed.grade : undefined
}

/** Every map in the options that has a model and a prompt. */
function* judgesIn(value: Json): Generator<AskedJudge> {
  if (typeof value !== 'object' || value === null) return
  if (isInput(value, 'model') && isInput(value, 'prompt') && 'decoding' in value) yield value as unknown as AskedJudge
  for (const member of Object.values(value)) yield* judgesIn(member)
}

function isInput(value: object, name: string): boolean {
  const marker = (value as { [name: string]: unknown })[name]
  return typeof marker === 'object' && marker !== null && '$input' in marker
}

function askedWay(judge: AskedJudge, { input }: AuditNode): AskedWay | undefined {
  const model = input(judge.model.$input)
  const prompt = input(judge.prompt.$input)
  if (model?.type !== 'llm' || prompt?.type !== 'prompt') return undefined
  const { variables, parse } = prompt.value as unknown as Prompt
  if (!variables?.includes('query') || (parse.scale === undefined && parse.grade === undefined)) return undefined
  const { decoding, max_words, seed } = judge
  return {
    judge: `${model.name} by ${basename(prompt.path)}`,
    setup: { ...judgeSetup(model, prompt, judge), options: { decoding, max_words, seed } },
    attempts: judge.parse_attempts,
  }
}
