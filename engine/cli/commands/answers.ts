import { namedNodes, unknownName } from '../../plan/named-nodes.ts'
import { rowKeysOf, type ShownRow, shownRow } from '../../report/result-rows.ts'
import { counted, printable } from '../../report/words.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { AnswersCommandOptions } from '../program.ts'
import { withSession } from '../with-session.ts'

/** `queryloom answers`: some of the rows that the newest result of a node was made from, and where they came from. */
export function answersCommand(file: string, name: string, options: AnswersCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async ({ graph, store, address }) => {
    const nodes = namedNodes(graph, name)
    if (nodes.length === 0) {
      process.stderr.write(`${unknownName(graph, name)}\n`)
      return ExitStatus.invalid
    }
    const shown: { node: string; rows: number; answers: ShownRow[] }[] = []
    for (const node of nodes) {
      const record = store.actions.head(address(node))?.record
      if (!record?.rows) continue
      const keys = await rowKeysOf(store, record)
      const stored = await store.rows.getMany(keys.slice(0, options.limit))
      shown.push({ node, rows: keys.length, answers: [...stored].map(([key, value]) => shownRow(key, value)) })
    }
    if (options.json) printJson(shown)
    else if (shown.length === 0) process.stderr.write(`no result of ${name} was made from answers of a model\n`)
    else print(shown.map(answersText).join('\n\n'))
    return shown.length > 0 || options.json ? ExitStatus.ok : ExitStatus.failed
  })
}

function answersText({ node, rows, answers }: { node: string; rows: number; answers: readonly ShownRow[] }): string {
  const lines = [`${node}: ${answers.length} of ${counted(rows, 'answer')}`]
  for (const { text, finish, tokens, refusal, provenance } of answers) {
    const facts = Object.entries((provenance ?? {}) as { [name: string]: unknown })
    if (finish !== null) facts.unshift(['finish', finish])
    if (tokens) facts.push(['tokens', `${tokens.input}+${tokens.output}`])
    const said = text === null ? `refused: ${JSON.stringify(refusal)}` : text.trim().replace(/\s+/g, ' ')
    lines.push('', `  ${printable(said)}`)
    lines.push(`    ${printable(facts.map(([fact, value]) => `${fact} ${wordOf(value)}`).join(', '))}`)
  }
  return lines.join('\n')
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
