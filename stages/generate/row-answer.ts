import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowAnswer } from '../define.ts'
import { readChoice } from './choice.ts'

/** What a stored row says: an answer, or that the request is refused for good. */
export function rowAnswer(value: CanonicalValue): Exclude<RowAnswer, { kind: 'failed' }> {
  const choice = readChoice((value as { answer?: CanonicalValue } | null)?.answer)
  if (choice) return { kind: 'answered', ...choice }
  const refusal = (value as { refusal?: { message?: unknown } } | null)?.refusal
  return { kind: 'refused', message: String(refusal?.message ?? 'refused') }
}

const BEGINNING = '{"answer":{'
const NAME = '"choices":'
const NESTED = /[[{]/
const [QUOTE, BACKSLASH] = [0x22, 0x5c]

/** The same of the row's JSON. Where it is as this program writes it, only the choices are parsed: the rest is as long again. */
export function answerIn(json: string): ReturnType<typeof rowAnswer> {
  const choices = choicesIn(json)
  const choice = choices && readChoice({ choices })
  return choice ? { kind: 'answered', ...choice } : rowAnswer(JSON.parse(json))
}

/** The list `choices` of the answer, if nothing before it nests and it is there once. */
function choicesIn(json: string): CanonicalValue | undefined {
  if (!json.startsWith(BEGINNING)) return undefined
  const name = json.indexOf(NAME, BEGINNING.length)
  const start = name + NAME.length
  if (name === -1 || json[start] !== '[' || NESTED.test(json.slice(BEGINNING.length, name))) return undefined
  // A name may end in these letters.
  if (name > BEGINNING.length && json[name - 1] !== ',') return undefined
  const end = endOfList(json, start)
  return end === undefined || json.includes(NAME, end) ? undefined : JSON.parse(json.slice(start, end))
}

/** Where the list ends that begins there. */
function endOfList(json: string, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfText(json, at)
        if (at === -1) return undefined
        break
      case 0x5b:
      case 0x7b:
        depth++
        break
      case 0x5d:
      case 0x7d:
        if (--depth === 0) return at + 1
    }
  }
  return undefined
}

function endOfText(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let before = at
    while (json.charCodeAt(before - 1) === BACKSLASH) before--
    if ((at - before) % 2 === 0) return at
  }
  return -1
}
