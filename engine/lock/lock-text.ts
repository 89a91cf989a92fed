import { compareUtf8 } from '../../cache/canonical.ts'
import { isSha256 } from '../../cache/digest.ts'
import type { Json } from '../../stages/define.ts'
import { IDENTITIES, type LockedNode, type Lockfile } from './lockfile.ts'

const HEADER = `# What this pipeline made, and from what: meant for git, written by queryloom run.
# After a merge conflict keep either side: the next run mends the rest.
version: 1
`

/** Names that YAML, of whatever version, may take for something else than a text. */
const NOT_A_TEXT = /^(null|true|false|yes|no|on|off|y|n)$/i

/** The one text of a lockfile: YAML, sorted by the UTF-8 bytes of names, one block a node. */
export function lockText(lock: Lockfile): string {
  return texts.get(lock) ?? textOf(lock)
}

/** Texts that were read, by what they say: an unchanged lockfile is neither read nor written twice. */
const texts = new WeakMap<Lockfile, string>()
let lastRead: Lockfile | undefined

function textOf(lock: Lockfile): string {
  const parts = [HEADER]
  for (const section of IDENTITIES) {
    parts.push(sectionText(section, lock[section], (value) => ` ${valueText(value)}\n`))
  }
  parts.push(sectionText('nodes', lock.nodes, nodeText))
  return parts.join('')
}

/**
 * Reads a text that `lockText` wrote, many times as fast as YAML is read; undefined if it is any other text, be it as
 * valid. It is sure of what it read, because that gives the same text again.
 */
export function readLockText(text: string): Lockfile | undefined {
  if (!text.startsWith(HEADER)) return undefined
  if (lastRead && texts.get(lastRead) === text) return lastRead
  const lock = { datasets: new Map(), models: new Map(), prompts: new Map(), nodes: new Map() }
  let section: Map<string, unknown> | undefined
  let node: { key: string; outputs: { [output: string]: string } } | undefined
  try {
    for (const line of text.slice(HEADER.length).split('\n')) {
      const found = /^( *)("(?:[^"\\]|\\.)*"|[^":]+):(?: (.*))?$/.exec(line)
      if (!found) continue
      const [, indent = '', written = '', value] = found
      const name = written.startsWith('"') ? (JSON.parse(written) as string) : written
      if (name === '__proto__') return undefined
      if (indent === '') section = Object.hasOwn(lock, name) ? lock[name as keyof Lockfile] : undefined
      else if (indent.length === 2) {
        node = { key: '', outputs: {} }
        section?.set(name, value === undefined ? node : readValue(value))
      } else if (node && indent.length === 4) node.key = name === 'key' ? (value ?? '') : node.key
      else if (node) node.outputs[name] = value ?? ''
    }
    for (const { key, outputs } of lock.nodes.values())
      if (!isSha256(key) || !Object.values(outputs).every(isSha256)) return undefined
    if (textOf(lock) !== text) return undefined
    texts.set(lock, text)
    lastRead = lock
    return lock
  } catch {
    return undefined
  }
}

function readValue(text: string): Json {
  return isSha256(text) ? text : (JSON.parse(text) as Json)
}

function sectionText<Value>(
  title: string,
  members: ReadonlyMap<string, Value>,
  text: (value: Value) => string,
): string {
  if (members.size === 0) return `${title}: {}\n`
  const sorted = [...members].sort(([a], [b]) => compareUtf8(a, b))
  return `${title}:\n${sorted.map(([name, value]) => `  ${nameText(name)}:${text(value)}`).join('')}`
}

function nodeText({ key, outputs }: LockedNode): string {
  const sorted = Object.entries(outputs).sort(([a], [b]) => compareUtf8(a, b))
  const lines = sorted.map(([output, digest]) => `      ${nameText(output)}: ${digest}\n`)
  return `\n    key: ${key}\n    outputs:${lines.length === 0 ? ' {}' : ''}\n${lines.join('')}`
}

function nameText(name: string): string {
  return /^[A-Za-z_][\w.,=/[\]-]*$/.test(name) && !NOT_A_TEXT.test(name) ? name : jsonText(name)
}

function valueText(value: Json): string {
  return isSha256(value) ? value : jsonText(value)
}

/** JSON with sorted members, in characters that are no matter to YAML. */
function jsonText(value: Json): string {
  return JSON.stringify(value, (_, member: Json) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => compareUtf8(a, b)))
      : member,
  ).replace(/[\x7f-\x9f\u2028\u2029\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
