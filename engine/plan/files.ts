import path from 'node:path'
import type { Json } from '../../stages/define.ts'
import { tooDeepAt } from '../parse/compose-yaml.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { MAX_SOURCE_BYTES, Source } from '../parse/source.ts'
import { isGlob } from './glob-pattern.ts'
import type { InputRef } from './node.ts'
import type { Outside } from './outside.ts'

/** A path as written, and what it is relative to. */
export interface WrittenPath {
  text: string
  folder: string
  /** Whether a relative path may lead out of the project: it came from a param. */
  free: boolean
}

type Read = { value: Json } | { problem: string } | 'reported'

/** Looks at the files that stages name: each is looked at once, each prompt is parsed once. */
export class Files {
  readonly #root: string
  readonly #outside: Outside
  readonly #diagnostics: Diagnostics
  readonly #prompts = new Map<string, Read>()

  constructor(root: string, outside: Outside, diagnostics: Diagnostics) {
    this.#root = root
    this.#outside = outside
    this.#diagnostics = diagnostics
  }

  /** The prompt that a path names, or undefined after reporting why there is none. */
  prompt(written: WrittenPath, at: () => Position): InputRef | undefined {
    const file = this.#resolve(written, at)
    if (file === undefined) return undefined
    let read = this.#prompts.get(file)
    if (!read) {
      read = this.#readPrompt(file)
      this.#prompts.set(file, read)
    }
    if (read === 'reported') return undefined
    if ('value' in read) return { type: 'prompt', path: file, value: read.value }
    this.#diagnostics.error(at(), { code: 'prompt', message: read.problem })
    return undefined
  }

  /** The file, the folder, or what the pattern matches; undefined after reporting that there is nothing. */
  path(written: WrittenPath, at: () => Position): InputRef | undefined {
    if (isGlob(written.text)) return this.#glob(written, at)
    const file = this.#resolve(written, at)
    if (file === undefined) return undefined
    const looked = this.#outside.look(file)
    if ('stat' in looked) return { type: 'path', path: file, folder: looked.stat === 'folder' }
    this.#diagnostics.error(at(), { code: 'input-file', message: looked.problem })
    return undefined
  }

  #glob(written: WrittenPath, at: () => Position): InputRef | undefined {
    const found = this.#outside.glob(written.folder, written.text)
    if (typeof found === 'string') {
      this.#diagnostics.error(at(), { code: 'input-file', message: `\`${written.text}\`: ${found}` })
      return undefined
    }
    if (!this.#mayRead(found.folder, written, at)) return undefined
    const { folder, matches } = found
    if (matches.length > 0) return { type: 'path', path: folder, folder: true, matches }
    this.#diagnostics.error(at(), { code: 'input-file', message: `no file in ${folder} matches \`${written.text}\`` })
    return undefined
  }

  #resolve(written: WrittenPath, at: () => Position): string | undefined {
    if (written.text === '' || written.text.includes('\0')) {
      this.#diagnostics.error(at(), { code: 'input-file', message: 'a path can not be empty' })
      return undefined
    }
    const file = path.resolve(written.folder, written.text)
    return this.#mayRead(file, written, at) ? file : undefined
  }

  #mayRead(file: string, written: WrittenPath, at: () => Position): boolean {
    const inside = path.relative(this.#root, file)
    const leaves = inside === '..' || inside.startsWith('../')
    if (!leaves || written.free || path.isAbsolute(written.text)) return true
    this.#diagnostics.error(at(), {
      code: 'input-file',
      message: `\`${written.text}\` leads out of the project folder ${this.#root}`,
      advice: 'Give an absolute path, or make it a param.',
    })
    return false
  }

  #readPrompt(file: string): Read {
    const looked = this.#outside.look(file)
    if ('problem' in looked) return looked
    if (looked.stat === 'folder') return { problem: `${file} is a folder, not a prompt file` }
    const source = this.#outside.read(file)
    if (!(source instanceof Source)) {
      if (source.code === 'too-large') return { problem: `the prompt file is larger than ${MAX_SOURCE_BYTES} bytes` }
      this.#diagnostics.add(source)
      return 'reported'
    }
    const tooDeep = tooDeepAt(source.text)
    if (tooDeep !== undefined) {
      this.#diagnostics.error(source.position(tooDeep, tooDeep + 1), { code: 'prompt', message: 'nested too deeply' })
      return 'reported'
    }
    const parsed = this.#outside.registry.prompts.parse(source.text, file)
    if ('value' in parsed) return parsed
    for (const { message, advice, line = 1, column = 1 } of parsed.problems) {
      const text = source.text.split('\n')[line - 1]?.trimEnd() ?? ''
      const length = Math.max(1, text.length - (column - 1))
      this.#diagnostics.error(
        { file, line, column, length },
        { code: 'prompt', message, ...(advice === undefined ? {} : { advice }) },
      )
    }
    return 'reported'
  }
}
