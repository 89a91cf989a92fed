import { readdirSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Json, Registry } from '../../stages/define.ts'
import { readSource, Source } from '../parse/source.ts'
import { suggest } from '../parse/suggest.ts'
import { unreachable } from '../util/unreachable.ts'
import { type GlobResult, globFiles } from './glob.ts'

const MOST_LOOKED_AT = 1_000

/** What to do where a path leads to nothing. */
export const CHECK_PATH: string =
  'A path is relative to the file that it is written in; one given with -p, to the current folder.'

/** What stands at a path. */
export type Looked = { stat: 'file' | 'folder' } | { problem: string; advice: string }

/** One question that the expansion of a pipeline asked about the world outside of its own text, and the answer. */
export type Question =
  | { ask: 'look'; path: string; answer: Json }
  | { ask: 'glob'; folder: string; pattern: string; answer: Json }
  /** The answer is the digest of the file's text. */
  | { ask: 'text'; path: string; answer: Json }
  | { ask: 'dataset' | 'model'; block: Json; folder: string; answer: Json }

/**
 * The one way in which expanding a pipeline looks at files, datasets and models: every question is asked once, and
 * noted, so that the result can be remembered for as long as all answers are the same.
 */
export class Outside {
  readonly questions: Question[] = []
  /** The registry, with its questions about the outside noted. */
  readonly registry: Registry
  readonly #looked = new Map<string, Looked>()
  readonly #globs = new Map<string, GlobResult | string>()

  constructor(registry: Registry) {
    this.registry = {
      ...registry,
      datasets: {
        ...registry.datasets,
        resolve: (block, folder) => {
          const answer = registry.datasets.resolve(block, folder)
          this.#note({ ask: 'dataset', block, folder, answer: answer as unknown as Json })
          return answer
        },
      },
      models: {
        ...registry.models,
        identity: (block, folder) => {
          const answer = registry.models.identity(block, folder)
          this.#note({ ask: 'model', block, folder, answer: answer as Json })
          return answer
        },
      },
    }
  }

  /** Whether a path is a file or a folder; if it is neither, why. */
  look(path: string): Looked {
    let looked = this.#looked.get(path)
    if (!looked) {
      looked = lookAt(path)
      this.#looked.set(path, looked)
      this.#note({ ask: 'look', path, answer: looked })
    }
    return looked
  }

  /** The files that a pattern matches, as `globFiles` gives them. */
  glob(folder: string, pattern: string): GlobResult | string {
    const name = `${folder}\0${pattern}`
    let found = this.#globs.get(name)
    if (found === undefined) {
      found = globFiles(folder, pattern)
      this.#globs.set(name, found)
      this.#note({ ask: 'glob', folder, pattern, answer: found as Json })
    }
    return found
  }

  /** Reads a text file that the pipeline names, as `readSource` does. */
  read(path: string): ReturnType<typeof readSource> {
    const source = readSource(path)
    this.#note({ ask: 'text', path, answer: digestOf(source) })
    return source
  }

  #note(question: Question): void {
    this.questions.push(question)
  }
}

/** Asks all of them again: whether every answer is what it was. */
export function stillAnswered(questions: readonly Question[], registry: Registry): boolean {
  return questions.every((question) => {
    try {
      return JSON.stringify(askAgain(question, registry)) === JSON.stringify(question.answer)
    } catch {
      return false
    }
  })
}

function askAgain(question: Question, registry: Registry): unknown {
  switch (question.ask) {
    case 'look':
      return lookAt(question.path)
    case 'glob':
      return globFiles(question.folder, question.pattern)
    case 'text':
      return digestOf(readSource(question.path))
    case 'dataset':
      return registry.datasets.resolve(question.block, question.folder)
    case 'model':
      return registry.models.identity(question.block, question.folder)
    default:
      return unreachable(question)
  }
}

function digestOf(source: ReturnType<typeof readSource>): string {
  return source instanceof Source ? source.digest : 'unreadable'
}

function lookAt(path: string): Looked {
  try {
    const stat = statSync(path)
    if (stat.isFile()) return { stat: 'file' }
    if (stat.isDirectory()) return { stat: 'folder' }
    return { problem: `${path} is neither a file nor a folder`, advice: 'Name a file or a folder.' }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return { problem: `there is no file or folder ${path}`, advice: nearName(path) }
    return {
      problem: `${path} can't be read (${code ?? String(error)})`,
      advice: 'Who runs this must be allowed to read it.',
    }
  }
}

/** What beside it has nearly its name, else where paths lead. */
function nearName(file: string): string {
  try {
    const near = suggest(basename(file), readdirSync(dirname(file)).slice(0, MOST_LOOKED_AT))
    return near === undefined ? CHECK_PATH : `Perhaps \`${near}\` was meant, which is there.`
  } catch {
    return CHECK_PATH
  }
}
