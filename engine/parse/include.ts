import { realpathSync } from 'node:fs'
import path from 'node:path'
import type { Json } from '../../stages/define.ts'
import type { Diagnostic, Position } from './diagnostic.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { SourceDocument, ValueCount } from './document.ts'
import { asList, asMap } from './json.ts'
import { parseSource } from './parse-source.ts'
import type { SourcePath } from './pipeline.ts'
import { readSource, Source } from './source.ts'

/** Most files that a pipeline may include, directly or not. */
const MAX_FILES = 100
/** Most bytes (UTF-16 units) that they may have together. */
const MAX_LENGTH = 8_388_608

/**
 * The files that a pipeline file includes, directly or not: each once, behind those that it includes itself. Files that
 * can't be read, include each other in a circle or lead out of `root` are reported where they are named.
 */
export function readIncludes(
  main: SourceDocument,
  root: string,
  diagnostics: Diagnostics,
  count: ValueCount,
): SourceDocument[] {
  const reader = new IncludeReader(root, diagnostics, count)
  reader.follow(main)
  return reader.documents
}

/** A file whose includes are being read, and where it was named. */
interface OpenFile {
  file: string
  named?: Position
}

class IncludeReader {
  readonly documents: SourceDocument[] = []
  readonly #root: string
  readonly #diagnostics: Diagnostics
  readonly #count: ValueCount
  readonly #read = new Set<string>()
  /** By real path, from the pipeline file down to the one being read. */
  readonly #open = new Map<string, OpenFile>()
  #length = 0
  #full = false

  constructor(root: string, diagnostics: Diagnostics, count: ValueCount) {
    this.#root = root
    this.#diagnostics = diagnostics
    this.#count = count
  }

  follow(document: SourceDocument, named?: Position): void {
    const { file } = document.source
    const real = realPath(file)
    this.#read.add(real)
    this.#open.set(real, named ? { file, named } : { file })
    for (const [i, entry] of asList(asMap(document.value).include).entries()) {
      if (!this.#full) this.#include(entry, ['include', i], document)
    }
    this.#open.delete(real)
  }

  #include(entry: Json, at: SourcePath, from: SourceDocument): void {
    // Anything else is reported with the form of the file.
    if (typeof entry !== 'string' || entry === '') return
    const place = from.locate(at)
    const file = this.#resolve(entry, from, place)
    if (file === undefined) return
    const real = realPath(file)
    if (this.#open.has(real)) this.#circle(real, place)
    if (this.#read.has(real)) return
    const source = readSource(file)
    if (!(source instanceof Source)) {
      this.#unreadable(source, place)
      return
    }
    this.#length += source.text.length
    if (this.#read.size > MAX_FILES || this.#length > MAX_LENGTH) {
      const message = `the pipeline includes more than ${MAX_FILES} files or ${MAX_LENGTH} bytes`
      this.#diagnostics.error(place, { code: 'too-large', message, advice: 'Join some of them, or leave some out.' })
      this.#full = true
      return
    }
    const document = parseSource(source, this.#diagnostics, this.#count)
    this.#read.add(real)
    if (!document) return
    this.follow(document, place)
    this.documents.push(document)
  }

  #resolve(entry: string, from: SourceDocument, place: Position): string | undefined {
    if (entry.includes('${') || entry.includes('\0')) {
      this.#diagnostics.error(place, {
        code: 'reference-syntax',
        message: 'a reference can not stand in `include`',
        advice: 'Write the path of a file: what is included may not depend on params.',
      })
      return undefined
    }
    const folder = path.dirname(from.source.file)
    const file = path.resolve(folder, entry)
    // A file that was included from elsewhere by its absolute path keeps to its own folder.
    const home = isWithin(folder, this.#root) ? this.#root : folder
    if (path.isAbsolute(entry) || isWithin(file, home)) return file
    this.#diagnostics.error(place, {
      code: 'input-file',
      message: `\`${entry}\` leads out of the project folder ${home}`,
      advice: 'Give an absolute path, or keep the file in the project.',
    })
    return undefined
  }

  #unreadable(source: Diagnostic, place: Position): void {
    const { file, line, code, message, advice = 'Name another file.' } = source
    const missing = code === 'file-missing'
    this.#diagnostics.error(place, {
      code,
      message: missing ? `there is no file ${file}` : `${file}: ${message}`,
      advice: missing ? 'Paths of included files are relative to the file that names them.' : advice,
      ...(line > 1 ? { related: [{ file, line, column: 1, length: 1, message: 'here' }] } : {}),
    })
  }

  #circle(real: string, place: Position): void {
    const open = [...this.#open]
    const around = open.slice(open.findIndex(([path]) => path === real)).map(([, entry]) => entry)
    const names = [...around, around[0]!].map(({ file }) => path.relative(this.#root, file) || file)
    const related = around.slice(1).flatMap(({ file, named }) => {
      return named ? [{ ...named, message: `${path.relative(this.#root, file)} is included here` }] : []
    })
    this.#diagnostics.error(place, {
      code: 'cycle',
      message:
        names.length === 2
          ? `${names[0]} includes itself`
          : `files include each other in a circle: ${names.join(' -> ')}`,
      advice: 'Remove this entry.',
      ...(related.length > 0 ? { related } : {}),
    })
  }
}

function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

function isWithin(file: string, folder: string): boolean {
  const inside = path.relative(folder, file)
  return inside !== '..' && !inside.startsWith(`..${path.sep}`)
}
