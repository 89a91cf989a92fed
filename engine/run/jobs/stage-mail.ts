import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionKey } from '../../../cache/digest.ts'
import type { AskSettings, EncodingShare, Json, RowAnswer, RowRequest, StageSummary } from '../../../stages/define.ts'
import { namesIn } from '../../util/names-in.ts'
import type { SentError, StageData } from '../stage-message.ts'

/**
 * What a stage that runs as a job and the run that it is part of say to each other, in files: `stage.json` in the task's
 * folder tells what to do; the attempt's folder holds `progress.json` (the newest), `questions/N.json` to models, which
 * the run answers in `answers/N.json`, and `end.json` or `failure.json`. Files appear whole, by temp + rename.
 */
export interface StageOrder {
  stage: string
  /** What an earlier attempt left to go on from is under it. */
  key: ActionKey
  data: Omit<StageData, 'outputs' | 'resume' | 'scratch' | 'work'>
  outputs: readonly string[]
  /** Variables of its processes. */
  env: { readonly [name: string]: string }
  /** Names of variables that its processes are handed from the job's environment, and whose values are in no log. */
  passEnv: readonly string[]
  /** Only a share of a corpus is to be encoded, of what the stage will have encoded. */
  share?: EncodingShare & { encoder: string; digest: string }
}

/** How the stage ended well. */
interface StageEnd {
  summary: StageSummary
  observed: { [name: string]: Json }
  /** sha256 of the files of each output by their paths, as the job read them back. */
  digests: { [output: string]: { [path: string]: string } }
}

/** How far the stage is. */
interface StageProgress {
  done: number
  total?: number
  note?: string
}

/** A question to a model. */
export interface StageQuestion {
  llm: string
  requests: readonly RowRequest[]
  settings: AskSettings
}

/** The model's answers, or why there are none. */
export type StageReply = { answers: readonly RowAnswer[] } | { error: SentError }

/** What the files are for, by name. */
interface Letters {
  'progress.json': StageProgress
  'end.json': StageEnd
  'failure.json': SentError
}

/** Writes a file that appears whole; readers on other machines may see it late, never in part. */
export function post(path: string, value: unknown): void {
  writeFileSync(`${path}.tmp`, JSON.stringify(value))
  renameSync(`${path}.tmp`, path)
}

/** Reads a letter of an attempt; undefined if it is not there (yet), or no JSON. */
export function letter<Name extends keyof Letters>(attempt: string, name: Name): Letters[Name] | undefined {
  return read(join(attempt, name))
}

/** Numbers of the questions of an attempt that have no answer yet. */
export function openQuestions(attempt: string): string[] {
  const answered = new Set(namesIn(join(attempt, 'answers')))
  return namesIn(join(attempt, 'questions')).filter((name) => name.endsWith('.json') && !answered.has(name))
}

/** A question by its file's name. */
export function questionOf(attempt: string, name: string): StageQuestion | undefined {
  return read(join(attempt, 'questions', name))
}

/** Answers a question. */
export function reply(attempt: string, name: string, value: StageReply): void {
  mkdirSync(join(attempt, 'answers'), { recursive: true })
  post(join(attempt, 'answers', name), value)
}

/** Asks, from within the job. */
export function putQuestion(attempt: string, number: number, question: StageQuestion): void {
  mkdirSync(join(attempt, 'questions'), { recursive: true })
  post(join(attempt, 'questions', `${number}.json`), question)
}

/** The answer to a question, if it is there. */
export function replyTo(attempt: string, number: number): StageReply | undefined {
  return read(join(attempt, 'answers', `${number}.json`))
}

function read<Value>(path: string): Value | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Value
  } catch {
    return undefined
  }
}
