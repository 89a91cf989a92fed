import type { Json, Problem } from '../../define.ts'
import { type AnswerRule, readRule } from './answer-rule.ts'
import { schemaProblem } from './json-answer.ts'
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
  /** Its examples are drawn from labelled queries, which the stage names. */
  labelled?: true
  /** What {{previous}} becomes where a passage has queries already; they are its {{queries}}. */
  previous?: string
  /** JSON Schema of the answer. */
  schema?: Json
  /** The server is not told of the schema. */
  constrain?: false
  /** An answer that does not fit the schema is not sent back to be mended. */
  repair?: false
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
  'previous',
  'schema',
  'constrain',
  'repair',
  'stop',
  'parse',
]
/** Stands for examples where the stage draws them. */
const LABELLED = 'labelled'
const PASSAGE_VARIABLES = ['title', 'text', 'passage']
/** Given by the stage: queries asked for in one answer, and the block about those there are. */
const STAGE_VARIABLES = ['count', 'previous']
const TAKEN = [...PASSAGE_VARIABLES, ...STAGE_VARIABLES, 'examples', 'number', 'queries']

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
  const reader = new MapReader(root, document, text, report)
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
    parse: readRule(reader.map('parse'), reader.has('schema')),
    ...readVariables(reader),
    ...(reader.scalar('examples') === LABELLED ? { labelled: true as const } : {}),
    ...readPrevious(reader),
    ...readSchema(reader),
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
  if (reader.scalar('examples') === LABELLED) return []
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

function readPrevious(reader: MapReader): Pick<Prompt, 'previous'> {
  const previous = reader.text('previous')
  if (previous === undefined) return {}
  reader.checkVariables('previous', previous, ['queries'])
  if (!variablesOf(previous).some(({ name }) => name === 'queries'))
    reader.report('previous', '`previous` never shows the queries', 'Put {{queries}} into it.')
  return { previous: trimEnd(previous) }
}

function readSchema(reader: MapReader): Pick<Prompt, 'schema' | 'constrain' | 'repair'> {
  const schema = reader.json('schema')
  const constrain = reader.boolean('constrain')
  const repair = reader.boolean('repair')
  if (schema === undefined) {
    for (const name of ['constrain', 'repair'])
      if (reader.has(name)) reader.report(name, `\`${name}\` is about a \`schema\`, and there is none`)
    return {}
  }
  const problem = schemaProblem(schema)
  if (problem !== undefined) reader.report('schema', problem)
  return {
    schema,
    ...(constrain === false ? { constrain } : {}),
    ...(repair === false ? { repair } : {}),
  }
}

// What a template names must exist, and what is written must be used: both are slips of the pen otherwise paid for.
function checkUse(prompt: Prompt, reader: MapReader): void {
  const { mode, system, template, example, examples, labelled = false } = prompt
  const attributes = Object.keys(prompt.attributes)
  const templateName = reader.has('user') ? 'user' : 'template'
  const variables = prompt.variables ?? []
  for (const name of variables)
    if (attributes.includes(name)) reader.report('variables', `{{${name}}} is an attribute, too`)
  const shown = examples.length > 0 || labelled
  const known = [...PASSAGE_VARIABLES, ...STAGE_VARIABLES, ...attributes, ...variables]
  if (shown) known.push('examples', 'number')
  reader.checkVariables(templateName, template, known)
  reader.checkVariables('system', system, [...attributes, ...variables, 'count', ...(shown ? ['examples'] : [])])
  const shared = labelled ? [...PASSAGE_VARIABLES, 'query'] : membersOfAll(examples)
  reader.checkVariables('example', example, [...shared, ...attributes, 'number'])
  if (mode === 'completion' && system !== '')
    reader.report('system', '`system` needs `mode: chat`', 'Put this text into `user`.')
  const used = variablesOf(template).map(({ name }) => name)
  // An unknown variable is most likely one of these, misspelt.
  const misspelt = used.some((name) => !known.includes(name))
  if (template !== '' && !misspelt && !used.includes('text') && !used.includes('passage'))
    reader.report(templateName, 'the prompt never shows the passage', 'Put {{text}} or {{passage}} into it.')
  if (prompt.previous !== undefined && !used.includes('previous'))
    reader.report('previous', '`previous` is never shown', `Put {{previous}} into \`${templateName}\`.`)
  if (used.includes('previous') && prompt.previous === undefined)
    reader.report(templateName, '{{previous}} needs `previous`, which says how queries that are there are shown')
  if (example !== '' && !shown) reader.report('example', '`example` is given, but no `examples`')
  if (shown) checkExamples(prompt, shared, templateName, reader)
}

function checkExamples(prompt: Prompt, shared: readonly string[], templateName: string, reader: MapReader): void {
  const { mode, template, example } = prompt
  const attributes = Object.keys(prompt.attributes)
  if (showsExamples(prompt)) {
    if (example === '') reader.report('examples', '{{examples}} needs `example`, which says how one is written')
    return
  }
  if (mode === 'completion') {
    reader.report('examples', 'the examples are never shown', 'Put {{examples}} into `user`.')
    return
  }
  // In a chat, examples that no template shows are turns before the question.
  if (!shared.includes('query') && !shared.includes('answer'))
    reader.report(
      'examples',
      'each example of a chat needs `query` (or `answer`), which is what the model should answer',
    )
  if (example !== '') return
  for (const { name } of variablesOf(template))
    if (!shared.includes(name) && !attributes.includes(name) && !['number', ...STAGE_VARIABLES].includes(name))
      reader.report('examples', `\`${templateName}\` names {{${name}}}, which not every example has`)
}

function membersOfAll(examples: Prompt['examples']): string[] {
  return examples.length === 0 ? [] : Object.keys(examples[0]!).filter((name) => examples.every((one) => name in one))
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
