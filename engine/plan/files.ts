import path from 'node:path'
import type { Json } from '../../stages/define.ts'
import { tooDeepAt } from '../parse/compose-yaml.ts'
import type { Position } from '../parse/diagnostic.ts'
import type { Diagnostics } from '../parse/diagnostics.ts'
import { MAX_SOURCE_BYTES, Source } from '../parse/source.ts'
import { isGlob } from './glob-pattern.ts'
import type { InputRef } from './node.ts'
import { type Origin, throughParams } from './origin.ts'
import { CHECK_PATH, type Outside } from './outside.ts'

/** A path as written, and what it is relative to. */
export interface WrittenPath {
  text: string
  folder: string
  /** Set if it came from a param: then a relative path may lead out of the project. */
  origin: Origin | undefined
}

type Read = { value: Json } | { problem: string; advice: string } | 'reported'

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
    return this.#report(written, at, { code: 'prompt', message: read.problem, advice: read.advice })
  }

  /** The file, the folder, or what the pattern matches; undefined after reporting that there is nothing. */
  path(written: WrittenPath, at: () => Position): InputRef | undefined {
    if (isGlob(written.text)) return this.#glob(written, at)
    const file = this.#resolve(written, at)
    if (file === undefined) return undefined
    const looked = this.#outside.look(file)
    if ('stat' in looked) return { type: 'path', path: file, folder: looked.stat === 'folder' }
    return this.#report(written, at, { code: 'input-file', message: looked.problem, advice: looked.advice })
  }

  #glob(written: WrittenPath, at: () => Position): InputRef | undefined {
    const found = this.#outside.glob(written.folder, written.text)
    if (typeof found === 'string') {
      return this.#report(written, at, { code: 'input-file', message: `\`${written.text}\`: ${found}` })
    }
    if (!this.#mayRead(found.folder, written, at)) return undefined
    const { folder, matches } = found
    if (matches.length > 0) return { type: 'path', path: folder, folder: true, matches }
    const message = `no file in ${folder} matches \`${written.text}\``
    return this.#report(written, at, { code: 'input-file', message, advice: CHECK_PATH })
  }

  #resolve(written: WrittenPath, at: () => Position): string | undefined {
    if (written.text === '' || written.text.includes('\0')) {
      const message = 'a path can not be empty'
      return this.#report(written, at, { code: 'input-file', message, advice: 'Name a file, or leave it out.' })
    }
    const file = path.resolve(written.folder, written.text)
    return this.#mayRead(file, written, at) ? file : undefined
  }

  #mayRead(file: string, written: WrittenPath, at: () => Position): boolean {
    // What a file that was included from elsewhere names stays in that file's folder.
    const home = isWithin(written.folder, this.#root) ? this.#root : written.folder
    if (isWithin(file, home) || written.origin || path.isAbsolute(written.text)) return true
    this.#diagnostics.error(at(), {
      code: 'input-file',
      message: `\`${written.text}\` leads out of the project folder ${home}`,
      advice: 'Give an absolute path, or make it a param.',
    })
    return false
  }

  #report({ origin }: WrittenPath, at: () => Position, facts: Parameters<Diagnostics['error']>[1]): undefined {
    this.#diagnostics.error(at(), throughParams(facts, origin))
  }

  #readPrompt(file: string): Read {
    const looked = this.#outside.look(file)
    if ('problem' in looked) return looked
    if (looked.stat === 'folder')
      return { problem: `${file} is a folder, not a prompt file`, advice: 'Name a file in it.' }
    const source = this.#outside.read(file)
    if (!(source instanceof Source)) {
      if (source.code === 'too-large')
        return { problem: `${file} is larger than ${MAX_SOURCE_BYTES} bytes`, advice: 'Is it a prompt file?' }
      this.#diagnostics.add(source)
      return 'reported'
    }
    const tooDeep = tooDeepAt(source.text)
    if (tooDeep !== undefined) {
      this.#diagnostics.error(source.position(tooDeep, tooDeep + 1), {
        code: 'prompt',
        message: 'nested too deeply',
        advice: 'A prompt is a map of texts: nothing in it nests so deeply.',
      })
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

function isWithin(file: string, folder: string): boolean {
  const inside = path.relative(folder, file)
  return inside !== '..' && !inside.startsWith('../')
}
