import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../../engine/util/package-root.ts'
import { type Prompt, parsePrompt } from '../../../../stages/generate/prompt/prompt.ts'
import { render } from '../../../../stages/generate/prompt/render.ts'

const passage = { title: 'Tea', text: 'Green tea  brews at\n80 degrees.' }

function parsed(text: string): Prompt {
  const result = parsePrompt(text, 'p.yaml')
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  return result.value
}

function problems(text: string): string[] {
  const result = parsePrompt(text, 'p.yaml')
  return 'problems' in result ? result.problems.map((p) => `${p.line}:${p.column} ${p.message}`) : []
}

test('a completion prompt shows its examples and the passage, and ends without white space', () => {
  const prompt = parsed(`
mode: completion
examples:
  - {text: one, query: first}
  - {text: two, query: second}
example: "{{number}}. {{text}} -> {{query}}\\n"
user: |
  {{examples}}

  {{number}}. {{passage}} ->
`)
  expect(render(prompt, passage, 0, 1)).toEqual({
    prompt: '1. one -> first\n\n2. two -> second\n\n3. Tea Green tea brews at 80 degrees. ->',
  })
})

test('a chat prompt puts its examples before the question as turns', () => {
  const prompt = parsed(`
system: You write queries.
examples:
  - {title: T, text: one, query: first}
user: "{{title}}: {{text}}"
`)
  expect(render(prompt, passage, 0, 1)).toEqual({
    messages: [
      { role: 'system', content: 'You write queries.' },
      { role: 'user', content: 'T: one' },
      { role: 'assistant', content: 'first' },
      { role: 'user', content: 'Tea: Green tea brews at 80 degrees.' },
    ],
  })
})

test('the passage ends after max_words words, and braces in it stay as they are', () => {
  const prompt = parsed('{mode: completion, user: "{{text}}|{{title}}"}')
  const hostile = { title: '{{text}}', text: '{{title}} {{unknown}} b c' }
  expect(render(prompt, hostile, 0, 1, 3)).toEqual({ prompt: '{{title}} {{unknown}} b|{{text}}' })
})

test('attributes and examples of a row depend on seed, text and sample alone', () => {
  const prompt = parsed(`
mode: completion
shots: 2
attributes: {difficulty: [easy, medium, hard]}
examples: [{q: a}, {q: b}, {q: c}, {q: d}]
example: "{{q}}"
user: "{{examples}} {{difficulty}} {{text}}"
`)
  const at = (sample: number, seed: number): unknown => render(prompt, passage, sample, seed)
  expect(at(3, 7)).toEqual(at(3, 7))
  const different = new Set(Array.from({ length: 40 }, (_, sample) => JSON.stringify(at(sample, 7))))
  expect(different.size).toBeGreaterThan(10)
  const all = [...different].join(' ')
  for (const word of ['easy', 'medium', 'hard']) expect(all).toContain(word)
  expect(JSON.stringify(Array.from({ length: 40 }, (_, sample) => at(sample, 8)))).not.toEqual(
    JSON.stringify(Array.from({ length: 40 }, (_, sample) => at(sample, 7))),
  )
})

test('lone surrogates of a passage can stand in a request', () => {
  const prompt = parsed('{mode: completion, user: "{{text}}"}')
  expect(render(prompt, { text: 'a \ud800 b' }, 0, 1)).toEqual({ prompt: 'a \ufffd b' })
})

test('comments, key order and quoting do not change the parsed value', () => {
  const a = parsed('mode: completion\nstop: ["\\n"]\nuser: "Q: {{text}}"\n')
  const b = parsed('# says nothing\nuser:   \'Q: {{text}}\'\nstop:\n  - "\\n" # same\nmode: completion\n')
  expect(b).toEqual(a)
  expect(JSON.parse(JSON.stringify(a))).toEqual(a)
})

test.each([
  [
    'an unknown variable',
    'mode: chat\nuser: |\n  Read this:\n    {{text}} {{tekst}}\n',
    ['4:14 unknown variable {{tekst}}'],
  ],
  ['an unknown key', 'user: "{{text}}"\nsytem: x\n', ['2:1 unknown key `sytem`']],
  ['no passage', 'user: "Write a query."', ['1:1 the prompt never shows the passage']],
  ['no user', 'mode: chat', ['1:1 the prompt has no `user`']],
  ['a wrong mode', 'mode: talk\nuser: "{{text}}"', ['1:7 `mode` must be one of chat, completion']],
  ['a wrong type', 'user: [a]\n', ['1:7 `user` must be a text']],
  [
    'examples nobody sees',
    'mode: completion\nuser: "{{text}}"\nexamples: [{a: b}]',
    ['3:1 the examples are never shown'],
  ],
  ['a key twice', 'user: "{{text}}"\nuser: b', ['2:1 Map keys must be unique']],
  ['no map', '- a', ['1:1 a prompt file must be a map']],
  ['broken YAML', 'user: "{{text}}', [expect.stringContaining('1:16 Missing closing')]],
  [
    'several at once',
    'mode: x\nuser: "{{t}} {{text}}"\nstop: 1.5\nparse: {strip: [dots]}',
    [
      '1:7 `mode` must be one of chat, completion',
      '2:8 unknown variable {{t}}',
      '4:9 nothing named dots can be stripped',
    ],
  ],
])('%s is a problem with its line and column', (_, text, expected) => {
  expect(problems(text)).toEqual(expected)
})

test.each(['few-shot.yaml', 'zero-shot.yaml'])('the shipped prompt %s is in order', (name) => {
  const file = join(packageRoot, 'pipelines', 'prompts', name)
  const prompt = parsed(readFileSync(file, 'utf8'))
  const text = JSON.stringify(render(prompt, passage, 0, 1))
  expect(text).toContain('Tea Green tea brews at 80 degrees.')
  expect(text).not.toContain('{{')
})
