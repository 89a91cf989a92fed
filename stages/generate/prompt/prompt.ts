import type { Problem } from '../../define.ts'
import type { AnswerRule } from './answer.ts'
import { MapReader } from './map-reader.ts'
import { variablesOf } from './template.ts'
import { yaml } from './yaml-library.ts'

/** A prompt file with every default applied: plain JSON, and as such part of the node's key. */
export type Prompt = {
  mode: 'chat' | 'completion'
  /** Chat only; may be empty. */
  system: string
  /** What is asked of one passage. */
  template: string
  /** How one example is written; empty where examples are turns of the chat that follow `template`. */
  example: string
  examples: { [name: string]: string }[]
  /** How many examples a row gets; fewer than there are means a draw for each row. */
  shots: number
  /** Between examples. */
  separator: string
  /** One value of each is drawn for each row. */
  attributes: { [name: string]: string[] }
  stop: string[]
  parse: AnswerRule
  /** What the stage shows beside the passage, if anything: `query` for a judge. */
  variables?: string[]
}

const MAX_CHARACTERS = 1 << 20
const MEMBERS = [
  'mode',
  'description',
  'system',
  'user',
  'template',
  'example',
  'examples',
  'shots',
  'separator',
  'attributes',
  'variables',
  'stop',
  'parse',
]
const PARSE_MEMBERS = ['first_line', 'labels', 'strip', 'max_characters', 'scale']
const PASSAGE_VARIABLES = ['title', 'text', 'passage']
const TAKEN = [...PASSAGE_VARIABLES, 'examples', 'number']
const DEFAULT_LABELS = ['Query:', 'Search query:', 'Question:']

/**
 * Reads a prompt file: YAML with `mode`, `system`, `examples`, `example`, `user` (or `template`), `attributes`, `stop`
 * and `parse`. All problems are found at once, each with its line and column.
 */
export function parsePrompt(text: string, path: string): { value: Prompt } | { problems: readonly Problem[] } {
  const { isMap, LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const problems: Problem[] = []
  const report = (offset: number, message: string, advice?: string): void => {
    const { line, col } = lines.linePos(offset)
    problems.push({ message, at: path, line, column: col, ...(advice === undefined ? {} : { advice }) })
  }
  if (text.length > MAX_CHARACTERS) return { problems: [{ message: 'the prompt file is larger than 1 MiB', at: path }] }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  for (const error of document.errors) report(error.pos[0], firstLine(error.message))
  if (problems.length > 0) return { problems }
  const root = document.contents
  if (!isMap(root)) {
    report(0, 'a prompt file must be a map', 'See `pipelines/prompts/` for examples.')
    return { problems }
  }
  const reader = new MapReader(root, text, report)
  reader.onlyMembers(MEMBERS)
  const mode = reader.oneOf('mode', ['chat', 'completion'] as const, 'chat')
  const value: Prompt = {
    mode,
    system: trimEnd(reader.text('system') ?? ''),
    template: readTemplate(reader),
    example: trimEnd(reader.text('example') ?? ''),
    examples: readExamples(reader),
    shots: 0,
    separator: reader.text('separator') ?? '\n\n',
    attributes: readAttributes(reader),
    stop: reader.texts('stop') ?? [],
    parse: readRule(reader.map('parse')),
    ...readVariables(reader),
  }
  value.shots = reader.integer('shots', 0, value.examples.length) ?? value.examples.length
  checkUse(value, reader)
  problems.sort((a, b) => a.line! - b.line! || a.column! - b.column!)
  return problems.length > 0 ? { problems } : { value }
}

function readTemplate(reader: MapReader): string {
  const user = reader.text('user')
  const template = reader.text('template')
  if (user !== undefined && template !== undefined)
    reader.report('template', '`user` and `template` are two names of the same thing', 'Leave one of them out.')
  const found = user ?? template
  if (found === undefined && !reader.has('user') && !reader.has('template'))
    reader.report(undefined, 'the prompt has no `user`', 'Say what is asked of a passage, with {{text}} in it.')
  return trimEnd(found ?? '')
}

function readExamples(reader: MapReader): { [name: string]: string }[] {
  return reader.maps('examples').map((example) =>
    Object.fromEntries(
      example.names().map((name) => {
        example.identifier(name)
        return [name, (example.text(name) ?? '').trim()]
      }),
    ),
  )
}

function readAttributes(reader: MapReader): { [name: string]: string[] } {
  const attributes = reader.map('attributes')
  if (!attributes) return {}
  return Object.fromEntries(
    attributes.names().map((name) => {
      attributes.identifier(name)
      const values = attributes.texts(name) ?? []
      if (values.length === 0) attributes.report(name, `attribute ${name} has no values`)
      if (TAKEN.includes(name)) attributes.report(name, `{{${name}}} is taken: an attribute can't have this name`)
      return [name, values]
    }),
  )
}

function readVariables(reader: MapReader): Pick<Prompt, 'variables'> {
  const variables = reader.texts('variables') ?? []
  for (const name of variables)
    if (TAKEN.includes(name)) reader.report('variables', `{{${name}}} is there anyway: it is no further variable`)
    else if (!/^[A-Za-z_]\w*$/.test(name)) reader.report('variables', `\`${name}\` can't be named in a template`)
  return variables.length === 0 ? {} : { variables }
}

function readRule(reader: MapReader | undefined): AnswerRule {
  reader?.onlyMembers(PARSE_MEMBERS)
  const strip = reader?.texts('strip') ?? ['quotes', 'numbering']
  for (const name of strip)
    if (name !== 'quotes' && name !== 'numbering')
      reader?.report('strip', `nothing named ${name} can be stripped`, 'Known: quotes, numbering.')
  return {
    first_line: reader?.boolean('first_line') ?? true,
    labels: reader?.texts('labels') ?? DEFAULT_LABELS,
    strip: strip as AnswerRule['strip'],
    max_characters: reader?.integer('max_characters', 1, 100_000) ?? 400,
    ...readScale(reader),
  }
}

// `scale: [0, 1, 2]` names marks that are their own values; `scale: {yes: 1, no: 0}` gives values.
function readScale(reader: MapReader | undefined): Pick<AnswerRule, 'scale'> {
  if (!reader?.has('scale')) return {}
  const scale = reader.numbers('scale')
  const marks = Object.keys(scale)
  if (marks.length < 2) reader.report('scale', 'a scale needs two marks or more', 'E.g. `scale: {yes: 1, no: 0}`.')
  if (new Set(marks.map((mark) => mark.toLowerCase())).size < marks.length)
    reader.report('scale', 'marks that differ in case only are the same')
  return { scale }
}

// What a template names must exist, and what is written must be used: both are slips of the pen otherwise paid for.
function checkUse(prompt: Prompt, reader: MapReader): void {
  const { mode, system, template, example, examples } = prompt
  const attributes = Object.keys(prompt.attributes)
  const templateName = reader.has('user') ? 'user' : 'template'
  const variables = prompt.variables ?? []
  for (const name of variables)
    if (attributes.includes(name)) reader.report('variables', `{{${name}}} is an attribute, too`)
  const known = [
    ...PASSAGE_VARIABLES,
    ...attributes,
    ...variables,
    ...(examples.length > 0 ? ['examples', 'number'] : []),
  ]
  reader.checkVariables(templateName, template, known)
  reader.checkVariables('system', system, [...attributes, ...variables, ...(examples.length > 0 ? ['examples'] : [])])
  const shared = examples.length > 0 ? Object.keys(examples[0]!).filter((n) => examples.every((e) => n in e)) : []
  reader.checkVariables('example', example, [...shared, ...attributes, 'number'])
  if (mode === 'completion' && system !== '')
    reader.report('system', '`system` needs `mode: chat`', 'Put this text into `user`.')
  const inlined = showsExamples(prompt)
  const used = variablesOf(template).map(({ name }) => name)
  // An unknown variable is most likely one of these, misspelt.
  const misspelt = used.some((name) => !known.includes(name))
  if (template !== '' && !misspelt && !used.includes('text') && !used.includes('passage'))
    reader.report(templateName, 'the prompt never shows the passage', 'Put {{text}} or {{passage}} into it.')
  if (example !== '' && examples.length === 0) reader.report('example', '`example` is given, but no `examples`')
  if (examples.length === 0) return
  if (inlined && example === '')
    reader.report('examples', '{{examples}} needs `example`, which says how one is written')
  if (inlined) return
  if (mode === 'completion') {
    reader.report('examples', 'the examples are never shown', 'Put {{examples}} into `user`.')
    return
  }
  // In a chat, examples that no template shows are turns before the question.
  if (!shared.includes('query'))
    reader.report('examples', 'each example of a chat needs `query`, which is what the model should answer')
  const asked = example === '' ? template : example
  for (const { name } of variablesOf(asked))
    if (!shared.includes(name) && !attributes.includes(name) && name !== 'number' && example === '')
      reader.report('examples', `\`${templateName}\` names {{${name}}}, which not every example has`)
}

/** Whether the examples stand inside the text; else, in a chat, they are turns before the question. */
export function showsExamples(prompt: Pick<Prompt, 'system' | 'template'>): boolean {
  return [prompt.template, prompt.system].some((part) => variablesOf(part).some(({ name }) => name === 'examples'))
}

function trimEnd(text: string): string {
  return text.replace(/\s+$/, '')
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}
