import type { Document, Node, Pair, YAMLMap } from 'yaml'
import type { Json } from '../../define.ts'
import { variablesOf } from './template.ts'
import { yaml } from './yaml-library.ts'

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

type Report = (offset: number, message: string, advice?: string) => void

/** Members of a YAML map with the types they should have; anything else is reported where it stands. */
export class MapReader {
  readonly #map: YAMLMap
  readonly #document: Document
  readonly #source: string
  readonly #report: Report

  constructor(map: YAMLMap, document: Document, source: string, report: Report) {
    this.#map = map
    this.#document = document
    this.#source = source
    this.#report = report
  }

  names(): string[] {
    return this.#map.items.map(nameOf)
  }

  has(name: string): boolean {
    return this.#pair(name) !== undefined
  }

  report(name: string | undefined, message: string, advice?: string): void {
    const pair = name === undefined ? undefined : this.#pair(name)
    this.#report(offsetOf((pair?.key as Node | undefined) ?? this.#map), message, advice)
  }

  onlyMembers(known: readonly string[]): void {
    for (const name of this.names())
      if (!known.includes(name)) this.report(name, `unknown key \`${name}\``, `Known: ${known.join(', ')}.`)
  }

  identifier(name: string): void {
    if (!IDENTIFIER.test(name)) this.report(name, `\`${name}\` can't be named in a template`, 'Use letters, digits, _.')
  }

  text(name: string): string | undefined {
    const node = this.#value(name)
    if (node === undefined) return undefined
    // `query: 1984` means the text.
    if (yaml().isScalar(node) && (typeof node.value === 'string' || typeof node.value === 'number'))
      return typeof node.value === 'string' ? node.value.toWellFormed() : (node.source ?? String(node.value))
    this.#report(offsetOf(node), `\`${name}\` must be a text`)
    return undefined
  }

  texts(name: string): string[] | undefined {
    const node = this.#value(name)
    if (node === undefined) return undefined
    const items = yaml().isSeq(node) ? node.items : [node]
    const texts: string[] = []
    for (const item of items) {
      if (yaml().isScalar(item) && (typeof item.value === 'string' || typeof item.value === 'number'))
        texts.push(typeof item.value === 'string' ? item.value.toWellFormed() : (item.source ?? String(item.value)))
      else this.#report(offsetOf(item as Node), `\`${name}\` must be a list of texts`)
    }
    return texts
  }

  /** The value if it is a plain text, without any complaint. */
  scalar(name: string): string | undefined {
    const node = this.#value(name)
    return yaml().isScalar(node) && typeof node.value === 'string' ? node.value : undefined
  }

  /** The value as JSON, whatever it is; anchors and aliases are followed. */
  json(name: string): Json | undefined {
    const node = this.#value(name)
    if (node === undefined) return undefined
    try {
      return JSON.parse(JSON.stringify(node.toJS(this.#document, { maxAliasCount: 100 })))
    } catch (error) {
      this.#report(offsetOf(node), `\`${name}\` can't be read: ${(error as Error).message}`)
      return undefined
    }
  }

  /** Numbers by name; in a list, each is named as it is written. */
  numbers(name: string): { [name: string]: number } {
    const node = this.#value(name)
    const { isMap, isSeq, isScalar } = yaml()
    const entries = isMap(node)
      ? node.items.map((pair) => [nameOf(pair), pair.value as Node | null] as const)
      : isSeq(node)
        ? node.items.map((item) => [isScalar(item) ? String(item.value) : '', item as Node] as const)
        : []
    const numbers: { [name: string]: number } = {}
    for (const [mark, item] of entries) {
      if (mark !== '' && isScalar(item) && typeof item.value === 'number') numbers[mark] = item.value
      else this.#report(offsetOf(item), `each of \`${name}\` must be a number`)
    }
    if (node !== undefined && !isMap(node) && !isSeq(node))
      this.#report(offsetOf(node), `\`${name}\` must be a list of numbers, or numbers by name`)
    return numbers
  }

  boolean(name: string): boolean | undefined {
    const node = this.#value(name)
    if (node === undefined) return undefined
    if (yaml().isScalar(node) && typeof node.value === 'boolean') return node.value
    this.#report(offsetOf(node), `\`${name}\` must be true or false`)
    return undefined
  }

  integer(name: string, least: number, most: number): number | undefined {
    const node = this.#value(name)
    if (node === undefined) return undefined
    const value = yaml().isScalar(node) ? node.value : undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    this.#report(offsetOf(node), `\`${name}\` must be a whole number from ${least} to ${most}`)
    return undefined
  }

  oneOf<Value extends string>(name: string, values: readonly Value[], otherwise: Value): Value {
    const node = this.#value(name)
    if (node === undefined) return otherwise
    const found = values.find((value) => yaml().isScalar(node) && node.value === value)
    if (found === undefined) this.#report(offsetOf(node), `\`${name}\` must be one of ${values.join(', ')}`)
    return found ?? otherwise
  }

  map(name: string): MapReader | undefined {
    const node = this.#value(name)
    if (node === undefined) return undefined
    if (yaml().isMap(node)) return new MapReader(node, this.#document, this.#source, this.#report)
    this.#report(offsetOf(node), `\`${name}\` must be a map`)
    return undefined
  }

  maps(name: string): MapReader[] {
    const node = this.#value(name)
    if (node === undefined) return []
    if (!yaml().isSeq(node)) {
      this.#report(offsetOf(node), `\`${name}\` must be a list`)
      return []
    }
    return node.items.flatMap((item) => {
      if (yaml().isMap(item)) return [new MapReader(item, this.#document, this.#source, this.#report)]
      this.#report(offsetOf(item as Node), `each of \`${name}\` must be a map`)
      return []
    })
  }

  checkVariables(name: string, template: string, known: readonly string[]): void {
    const node = this.#value(name)
    if (!node?.range) return
    const written = this.#source.slice(node.range[0], node.range[1])
    const unknown = new Set(variablesOf(template).flatMap((use) => (known.includes(use.name) ? [] : [use.name])))
    // Where a variable stands is looked up in the source, since folding moves it within the text.
    for (const use of variablesOf(written)) {
      if (!unknown.delete(use.name)) continue
      this.#report(
        node.range[0] + use.offset,
        `unknown variable {{${use.name}}}`,
        `Known here: ${known.map((one) => `{{${one}}}`).join(', ')}.`,
      )
    }
  }

  #pair(name: string): Pair | undefined {
    return this.#map.items.find((pair) => nameOf(pair) === name)
  }

  #value(name: string): Node | undefined {
    const value = this.#pair(name)?.value as Node | null | undefined
    // `stop:` with nothing after it is as good as not written.
    if (!value || (yaml().isScalar(value) && value.value === null)) return undefined
    return value
  }
}

function nameOf(pair: Pair): string {
  return yaml().isScalar(pair.key) ? String(pair.key.value) : ''
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0
}
