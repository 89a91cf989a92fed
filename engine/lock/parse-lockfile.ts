import { isSha256 } from '../../cache/digest.ts'
import type { Json } from '../../stages/define.ts'
import { Diagnostics } from '../parse/diagnostics.ts'
import type { SourceDocument } from '../parse/document.ts'
import { asMap } from '../parse/json.ts'
import { parseSource } from '../parse/parse-source.ts'
import type { SourcePath } from '../parse/pipeline.ts'
import { readSource, Source } from '../parse/source.ts'
import { IDENTITIES, type Identities, type LockedNode } from './lockfile.ts'
import type { ReadLockfile } from './read-lockfile.ts'

const ADVICE = 'Mend it, or remove the lockfile: the next run writes a new one.'
const MERGE_MARK = /^(<{7}|={7}|>{7})( .*)?$/m

/** Reads a lockfile that was written by hand or merged: any YAML of the right form. Every problem has its place. */
export function parseLockfile(file: string): ReadLockfile {
  const source = readSource(file)
  if (!(source instanceof Source)) return { diagnostics: [{ ...source, advice: ADVICE }] }
  const diagnostics = new Diagnostics()
  const mark = MERGE_MARK.exec(source.text)
  if (mark) {
    diagnostics.error(source.position(mark.index, mark.index + mark[0].length), {
      code: 'yaml-syntax',
      message: 'a merge conflict was left in the lockfile',
      advice: 'Keep either side, and run again: the run brings it up to date.',
    })
    return { diagnostics: diagnostics.sorted(file) }
  }
  const document = parseSource(source, diagnostics)
  const lock = document && new LockReader(document, diagnostics).read()
  return { ...(lock && diagnostics.errors === 0 ? { lock } : {}), diagnostics: diagnostics.sorted(file) }
}

class LockReader {
  readonly #document: SourceDocument
  readonly #diagnostics: Diagnostics

  constructor(document: SourceDocument, diagnostics: Diagnostics) {
    this.#document = document
    this.#diagnostics = diagnostics
  }

  read(): Identities & { nodes: ReadonlyMap<string, LockedNode> } {
    const value = this.#map(this.#document.value, [], ['version', ...IDENTITIES, 'nodes'])
    const { version } = value
    if (version !== 1) {
      const later = typeof version === 'number' && version > 1
      this.#diagnostics.error(this.#document.locate(['version']), {
        code: 'unsupported-version',
        message: later ? `a later queryloom wrote this lockfile (version ${version})` : 'this must be `version: 1`',
        advice: later ? 'Use that version of queryloom.' : ADVICE,
      })
    }
    const nodes = new Map<string, LockedNode>()
    for (const [id, node] of this.#members(value.nodes, ['nodes'])) {
      const block = this.#map(node, ['nodes', id], ['key', 'outputs'])
      const outputs = this.#members(block.outputs, ['nodes', id, 'outputs'])
      for (const [name, digest] of outputs) this.#digest(digest, ['nodes', id, 'outputs', name])
      this.#digest(block.key, ['nodes', id, 'key'])
      nodes.set(id, { key: block.key, outputs: Object.fromEntries(outputs) } as unknown as LockedNode)
    }
    const [datasets, models, prompts] = IDENTITIES.map((name) => new Map(this.#members(value[name], [name])))
    return { datasets: datasets!, models: models!, prompts: prompts!, nodes }
  }

  #members(value: Json | undefined, path: SourcePath): [string, Json][] {
    return Object.entries(this.#map(value ?? {}, path))
  }

  #map(value: Json | undefined, path: SourcePath, names?: readonly string[]): { readonly [name: string]: Json } {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      const facts = { code: 'wrong-type', message: 'this must be a map', advice: ADVICE } as const
      this.#diagnostics.error(this.#document.locate(path), facts)
    }
    for (const name of names ? Object.keys(asMap(value)) : [])
      if (!names?.includes(name)) {
        const facts = { code: 'unknown-key', message: `a lockfile has no \`${name}\` here`, advice: ADVICE } as const
        this.#diagnostics.error(this.#document.locate([...path, name], 'key'), facts)
      }
    return asMap(value)
  }

  #digest(value: Json | undefined, path: SourcePath): void {
    if (isSha256(value)) return
    const facts = {
      code: 'wrong-value',
      message: 'this must be sha256: and 64 hexadecimal digits',
      advice: ADVICE,
    } as const
    this.#diagnostics.error(this.#document.locate(path), facts)
  }
}
