import { type Alias, isAlias, isCollection, isMap, isScalar, isSeq, type Node, Scalar, type YAMLMap } from 'yaml'
import type { Json } from '../../stages/define.ts'
import type { Position } from './diagnostic.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { SourcePath } from './pipeline.ts'
import type { Source } from './source.ts'

const MAX_DEPTH = 64
/** Values that the files of a pipeline may stand for once aliases are followed. */
export const MAX_VALUES = 500_000

/** How many values were made of the files read so far. */
export interface ValueCount {
  values: number
}

/**
 * The value of a YAML document, and where each part of it was written: through aliases and merge keys (`<<`) too,
 * which lead to where the value itself stands.
 */
export class SourceDocument {
  readonly source: Source
  readonly value: Json
  readonly #root: Node | null
  readonly #aliases: ReadonlyMap<Alias, Node>
  readonly #members = new WeakMap<YAMLMap, ReadonlyMap<string, Member>>()

  constructor(source: Source, root: Node | null, diagnostics: Diagnostics, count: ValueCount = { values: 0 }) {
    this.source = source
    this.#root = root
    const { aliases, anchored } = findAnchors(root)
    this.#aliases = aliases
    for (const alias of aliases.keys()) {
      if (anchored.has(alias)) continue
      diagnostics.error(this.#place(alias), {
        code: 'yaml-syntax',
        message: `there is no anchor \`&${alias.source}\` before this alias`,
        advice: `Write \`&${alias.source}\` before the value that it stands for, or quote a text that begins with *.`,
      })
    }
    this.value = new Converter(this, diagnostics, count).convert(root)
  }

  /** The node that an alias stands for; other nodes stand for themselves. */
  resolve(node: Node | null): Node | null {
    return isAlias(node) ? (this.#aliases.get(node) ?? null) : node
  }

  /** Members of a map by name: its own, then those of its merge keys. */
  members(map: YAMLMap): ReadonlyMap<string, Member> {
    const known = this.#members.get(map)
    if (known) return known
    const members = new Map<string, Member>()
    this.#members.set(map, members)
    const merged: (Node | null)[] = []
    for (const pair of map.items) {
      if (!isScalar(pair.key)) continue
      const value = pair.value as Node | null
      if (isMergeKey(pair.key)) merged.push(value)
      else if (!members.has(keyText(pair.key))) members.set(keyText(pair.key), { key: pair.key, value })
    }
    for (const value of merged) {
      const target = this.resolve(value)
      const sources = isSeq(target) ? target.items.map((item) => this.resolve(item as Node)) : [target]
      for (const source of sources) {
        if (!isMap(source)) continue
        for (const [name, member] of this.members(source)) if (!members.has(name)) members.set(name, member)
      }
    }
    return members
  }

  /** Position of a value, or of its name; where the path ends early, of the nearest thing around it. */
  locate(path: SourcePath, what: 'key' | 'value' = 'value'): Position {
    const { key, value, complete } = this.#find(path)
    if (key && (what === 'key' || !complete || !value?.range)) return this.#place(key)
    return value ? this.#place(value) : this.source.position(0, 1)
  }

  /** Position of a part of a text that begins with `${`, by its offset in the value. */
  locateText(path: SourcePath, start: number, length: number): Position {
    const found = this.#find(path)
    const node = this.resolve(found.value)
    const whole = this.locate(path)
    if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return whole
    // Quotes, escapes and folding shift offsets, but do not touch a `${`: the nth of the value is the nth written.
    const written = this.source.text.slice(node.range[0], node.range[1])
    const before = occurrences(node.value.slice(0, start))
    if (occurrences(written) !== occurrences(node.value)) return whole
    let at = -1
    for (let n = 0; n <= before; n++) at = written.indexOf('${', at + 1)
    if (at === -1) return whole
    return this.source.position(node.range[0] + at, node.range[0] + at + length)
  }

  #find(path: SourcePath): { key: Node | null; value: Node | null; complete: boolean } {
    let key: Node | null = null
    let value = this.#root
    for (const [i, segment] of path.entries()) {
      const inside = this.resolve(value)
      if (isMap(inside)) {
        const member = this.members(inside).get(String(segment))
        if (!member) return { key, value, complete: false }
        key = member.key
        value = member.value
      } else if (isSeq(inside) && /^\d+$/.test(String(segment)) && Number(segment) < inside.items.length) {
        value = inside.items[Number(segment)] as Node | null
        key = i === path.length - 1 ? value : null
      } else return { key, value, complete: false }
    }
    return { key, value, complete: true }
  }

  #place(node: Node): Position {
    const [start, end] = node.range ?? [0, 1]
    return this.source.position(start, end)
  }
}

interface Member {
  key: Scalar
  value: Node | null
}

/** Turns nodes into plain JSON, and reports what JSON or a pipeline can't hold. */
class Converter {
  readonly #document: SourceDocument
  readonly #diagnostics: Diagnostics
  readonly #open = new Set<Node>()
  readonly #count: ValueCount

  constructor(document: SourceDocument, diagnostics: Diagnostics, count: ValueCount) {
    this.#document = document
    this.#diagnostics = diagnostics
    this.#count = count
  }

  convert(written: Node | null): Json {
    const node = this.#document.resolve(written)
    if (!node) return null
    this.#count.values += 1
    if (this.#count.values > MAX_VALUES) {
      if (this.#count.values === MAX_VALUES + 1)
        this.#report(
          written,
          'too-large',
          `with its aliases the file stands for more than ${MAX_VALUES} values`,
          'Aliases of aliases multiply: write less of them.',
        )
      return null
    }
    if (isScalar(node)) return this.#scalar(node)
    if (!isCollection(node)) return null
    if (this.#open.has(node)) {
      this.#report(written, 'yaml-syntax', 'this alias stands inside its own anchor', 'Write the value out.')
      return null
    }
    if (this.#open.size >= MAX_DEPTH) {
      this.#report(written, 'too-large', `nested deeper than ${MAX_DEPTH} levels`, 'Is this the right file?')
      return null
    }
    this.#open.add(node)
    const value = isMap(node) ? this.#map(node) : node.items.map((item) => this.convert(item as Node | null))
    this.#open.delete(node)
    return value
  }

  #map(map: YAMLMap): Json {
    const names = new Set<string>()
    for (const { key, value } of map.items) {
      if (!isScalar(key)) {
        this.#report(key as Node | null, 'yaml-syntax', 'a key must be a name', 'Only a text can stand before `: `.')
      } else if (isMergeKey(key)) {
        const target = this.#document.resolve(value as Node | null)
        const sources = isSeq(target) ? target.items.map((item) => this.#document.resolve(item as Node)) : [target]
        if (sources.some((source) => !isMap(source) || this.#open.has(source)))
          this.#report(
            value as Node | null,
            'wrong-type',
            '`<<` takes a map, or a list of maps, by alias',
            'Write `<<: *NAME`.',
          )
      } else if (names.has(keyText(key))) {
        this.#report(key, 'duplicate-key', `\`${keyText(key)}\` stands here twice`, 'Remove or rename one of them.')
      } else names.add(keyText(key))
    }
    const value: { [name: string]: Json } = {}
    for (const [name, member] of this.#document.members(map)) {
      if (name === '__proto__')
        this.#report(member.key, 'wrong-value', `\`${name}\` can't be a name`, 'Give it another.')
      else value[name] = this.convert(member.value)
    }
    return value
  }

  #scalar(node: Scalar): Json {
    const { value } = node
    if (typeof value === 'number') {
      if (!Number.isFinite(value))
        this.#report(node, 'wrong-value', `${node.source ?? value} is no finite number`, 'Put a text in quotes.')
      else if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(node.source ?? ''))
        this.#report(node, 'wrong-value', 'this number has more digits than can be kept', 'Write an id in quotes.')
      return value
    }
    if (typeof value === 'string') {
      if (!value.isWellFormed())
        this.#report(node, 'wrong-value', 'this text has half of a surrogate pair', 'Write the character itself.')
      return value
    }
    return typeof value === 'boolean' ? value : null
  }

  #report(
    node: Node | null,
    code: 'too-large' | 'yaml-syntax' | 'wrong-type' | 'wrong-value' | 'duplicate-key',
    message: string,
    advice?: string,
  ): void {
    const [start, end] = node?.range ?? [0, 1]
    this.#diagnostics.error(this.#document.source.position(start, end), {
      code,
      message,
      ...(advice ? { advice } : {}),
    })
  }
}

/** In document order, because an alias means the last anchor of its name before it. */
function findAnchors(root: Node | null): { aliases: Map<Alias, Node>; anchored: Set<Alias> } {
  const aliases = new Map<Alias, Node>()
  const anchored = new Set<Alias>()
  const last = new Map<string, Node>()
  const stack: unknown[] = [root]
  while (stack.length > 0) {
    const node = stack.pop()
    if (isAlias(node)) {
      const target = last.get(node.source)
      if (target) anchored.add(node)
      aliases.set(node, target ?? new Scalar(null))
    } else if (isScalar(node)) {
      if (node.anchor !== undefined) last.set(node.anchor, node)
    } else if (isMap(node)) {
      if (node.anchor !== undefined) last.set(node.anchor, node)
      for (let i = node.items.length - 1; i >= 0; i--) stack.push(node.items[i]!.value, node.items[i]!.key)
    } else if (isSeq(node)) {
      if (node.anchor !== undefined) last.set(node.anchor, node)
      for (let i = node.items.length - 1; i >= 0; i--) stack.push(node.items[i])
    }
  }
  return { aliases, anchored }
}

function isMergeKey(key: Scalar): boolean {
  return key.source === '<<' && key.type === 'PLAIN'
}

function keyText(key: Scalar): string {
  return typeof key.value === 'string' ? key.value : String(key.value)
}

function occurrences(text: string): number {
  return text.split('${').length - 1
}
