import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isSha256 } from './digest.ts'
import { LogFile } from './log-file.ts'
import { parseObject } from './parse-object.ts'
import { asStoreError } from './store-error.ts'

/** What a person said of a query and a passage. Known by their texts, so that it outlives every rerun. */
export interface Label {
  /** The key of both texts. */
  pair: string
  query: string
  /** ISO 8601. */
  at: string
  /** What fits of a query that was written for the passage; empty if nothing does. */
  labels?: readonly string[]
  /** How well the passage answers the query; null takes a grade back. */
  grade?: number | null
}

/** Which of the two a label is: each pair has at most one of either. */
export type LabelForm = 'labels' | 'grade'

/** Labels of people in a store, append-only: what was said is never lost, and what was said last counts. */
export interface LabelLog {
  /** The newest label of each pair, in the order in which pairs were first labelled; grades taken back are left out. */
  all(form: LabelForm): ReadonlyMap<string, Label>
  /** Resolves when they are on the disk. */
  append(labels: readonly Label[]): Promise<void>
  close(): void
}

const FOLDER = 'labels'

/** Opens the labels of the store at `root`; nothing is made before the first label. */
export function openLabelLog(root: string): LabelLog {
  const path = labelFile(root)
  const log = new LogFile(path, 'labels', 1)
  const newest = { labels: new Map<string, Label>(), grade: new Map<string, Label>() }
  const refresh = (): void => {
    log.readNew(
      (payload) => {
        const label = readLabel(payload.toString('utf8'))
        if (label) newest[formOf(label)].set(label.pair, label)
      },
      () => {
        newest.labels.clear()
        newest.grade.clear()
      },
    )
  }
  return {
    all(form) {
      refresh()
      return new Map([...newest[form]].filter(([, label]) => label.grade !== null))
    },
    async append(labels) {
      if (labels.length === 0) return
      try {
        mkdirSync(join(root, FOLDER), { recursive: true })
        await log.append(labels.map((label) => JSON.stringify(label)))
      } catch (error) {
        throw asStoreError(error, 'labels', path)
      }
    },
    close: () => log.close(),
  }
}

/** A label as text has it, if it is one: members that are none of a label's are left out. */
export function readLabel(text: string): Label | undefined {
  const value = parseObject(text)
  if (!value) return undefined
  const { pair, query, at, labels, grade } = value
  if (!isSha256(pair) || typeof query !== 'string' || typeof at !== 'string') return undefined
  if (Array.isArray(labels) && labels.every((one) => typeof one === 'string')) return { pair, query, at, labels }
  if (grade === null || Number.isSafeInteger(grade)) return { pair, query, at, grade: grade as number | null }
  return undefined
}

function formOf(label: Label): LabelForm {
  return label.labels ? 'labels' : 'grade'
}

/** Where the labels of a store are; it is there once somebody has said something. */
export function labelFile(root: string): string {
  return join(root, FOLDER, 'labels.log')
}
