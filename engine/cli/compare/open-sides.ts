import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { openStore, type Store } from '../../../cache/store.ts'
import { type Registry, StageError } from '../../../stages/define.ts'
import type { Lockfile } from '../../lock/lockfile.ts'
import { readLockfile } from '../../lock/read-lockfile.ts'
import { projectRoot } from '../../parse/project-root.ts'
import { lockSide } from '../../report/compare/lock-side.ts'
import { pipelineSide } from '../../report/compare/pipeline-side.ts'
import { fileAtRevision, layOutRevision } from '../../report/compare/revision-tree.ts'
import { runSide } from '../../report/compare/run-side.ts'
import type { Side } from '../../report/compare/side.ts'
import { isRunOf, type PastRun, runHistory } from '../../report/run-history.ts'
import { openSession, type Session } from '../../session.ts'
import type { CommonOptions } from '../options.ts'
import { tellDiagnostics } from '../with-session.ts'
import { type SideWord, sideWord } from './side-word.ts'

const FORMS =
  'A side is a run (queryloom runs lists them; last, last~1), a lockfile, a pipeline file, now, or a git revision: HEAD~1, or HEAD~1:pipelines/x.yaml.'

/** What is open while two sides are compared. */
export interface OpenSides {
  a: Side
  b: Side
  /** The pipeline as it is now, where there is one. */
  base: Side | undefined
  store: Store
}

/** Opens both sides of a comparison, hands them over and closes everything again. Throws a StageError for what is not there. */
export async function withSides<Value>(
  words: readonly [string, string],
  options: CommonOptions & { pipeline?: string },
  registry: Registry,
  use: (sides: OpenSides) => Promise<Value>,
): Promise<Value> {
  const opener = new Opener(words, options, registry)
  try {
    return await use(await opener.open())
  } finally {
    await opener.close()
  }
}

class Opener {
  readonly #options: CommonOptions & { pipeline?: string }
  readonly #registry: Registry
  readonly #cwd: string = process.cwd()
  readonly #words: readonly SideWord[]
  readonly #runs = new Map<SideWord, PastRun>()
  /** The pipeline that is meant where a side names none. */
  readonly #file: string | undefined
  readonly #home: string
  readonly #closers: (() => void | Promise<void>)[] = []
  readonly #sides = new Map<string, Promise<Side>>()
  #store: Store | undefined

  constructor(words: readonly [string, string], options: CommonOptions & { pipeline?: string }, registry: Registry) {
    this.#options = options
    this.#registry = registry
    this.#words = words.map((word) => sideWord(word, this.#cwd))
    const named = options.pipeline === undefined ? this.#named() : resolve(this.#cwd, options.pipeline)
    const root = projectRoot(named === undefined ? this.#cwd : dirname(named))
    this.#home = options.home === undefined ? join(root, '.queryloom') : resolve(this.#cwd, options.home)
    for (const word of this.#words) {
      const run = word.kind === 'run' || word.kind === 'last' ? this.#runOf(word, named, root) : undefined
      if (run) this.#runs.set(word, run)
    }
    const ofRuns = [...this.#runs.values()].find(({ file }) => file !== null && existsSync(file))?.file
    this.#file = named ?? ofRuns ?? undefined
  }

  async open(): Promise<OpenSides> {
    const base = this.#file !== undefined && existsSync(this.#file) ? await this.#baseSide(this.#file) : undefined
    this.#store ??= await this.#ownStore()
    const [a, b] = [await this.#side(this.#words[0]!), await this.#side(this.#words[1]!)]
    return { a, b, base, store: this.#store }
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close()
  }

  /** The pipeline file that a word tells, if it is there. */
  #named(): string | undefined {
    for (const word of this.#words) {
      if (word.kind === 'pipeline') return word.file
      const path = word.kind === 'lockfile' ? word.file : word.kind === 'revision' ? word.path : undefined
      if (path === undefined) continue
      const stem = join(dirname(path), basename(path, extname(path)))
      const found = [path, `${stem}.yaml`, `${stem}.yml`].find((one) => !one.endsWith('.lock') && existsSync(one))
      if (found !== undefined) return found
      if (word.kind === 'revision' && !path.endsWith('.lock')) return path
    }
    return undefined
  }

  #runOf(word: Extract<SideWord, { kind: 'run' | 'last' }>, named: string | undefined, root: string): PastRun {
    const found: PastRun[] = []
    let file = named
    for (const run of runHistory(this.#home)) {
      if (word.kind === 'run' && run.run.startsWith(word.id)) found.push(run)
      // Runs of another pipeline in between are no earlier ones of the newest.
      if (word.kind === 'last') file ??= run.file ?? undefined
      if (word.kind === 'last' && (file === undefined || isRunOf(run, file, relative(root, file)))) found.push(run)
      if (word.kind === 'last' && found.length > word.back) break
    }
    const run = word.kind === 'last' ? found[word.back] : found[0]
    if (!run)
      throw new StageError(word.kind === 'run' ? `there is no run ${word.id}` : tooFew(found.length, file), {
        where: this.#home,
        advice: FORMS,
      })
    if (word.kind === 'run' && found.length > 1)
      throw new StageError(`${word.id} is the beginning of ${found.length} runs`, {
        advice: `Write more of it: ${found
          .slice(0, 3)
          .map((one) => one.run)
          .join(', ')}.`,
      })
    return run
  }

  async #side(word: SideWord): Promise<Side> {
    switch (word.kind) {
      case 'run':
      case 'last':
        return runSide(this.#runs.get(word) as PastRun, this.#store!.actions)
      case 'lockfile':
        return lockSide(await this.#lockOf(word.file), this.#shown(word.file), this.#store!.actions)
      case 'now':
        return this.#pipeline(this.#meant())
      case 'pipeline':
        return this.#pipeline(word.file)
      case 'revision':
        return this.#revision(word)
    }
  }

  /** The pipeline as it is now; of a broken one nothing but that there is none, unless it is one of the sides. */
  async #baseSide(file: string): Promise<Side | undefined> {
    const isSide = this.#words.some(({ kind }) => kind === 'now' || kind === 'pipeline')
    if (isSide) return this.#pipeline(file)
    const session = await this.#session(file, true)
    return session && pipelineSide(session, { kind: 'pipeline', name: this.#shown(file) }, '')
  }

  #pipeline(file: string): Promise<Side> {
    const known = this.#sides.get(file)
    if (known) return known
    const opened = this.#session(file, false).then((session) =>
      pipelineSide(
        session as Session,
        { kind: 'pipeline', name: this.#shown(file), about: 'as it is now' },
        `queryloom run ${this.#shown(file)}`,
      ),
    )
    this.#sides.set(file, opened)
    return opened
  }

  async #revision({ revision, path }: Extract<SideWord, { kind: 'revision' }>): Promise<Side> {
    const file = path ?? this.#meant(revision)
    const root = projectRoot(dirname(file))
    const name = path === undefined ? revision : `${revision}:${this.#shown(file)}`
    if (file.endsWith('.lock')) {
      const bytes = await fileAtRevision(root, revision, relative(root, file))
      if (!bytes) throw new StageError(`${this.#shown(file)} was not there at ${revision}`)
      const folder = mkdtempSync(join(tmpdir(), 'queryloom-lock-'))
      this.#closers.push(() => rmSync(folder, { recursive: true, force: true }))
      writeFileSync(join(folder, basename(file)), bytes)
      return lockSide(await this.#lockOf(join(folder, basename(file))), name, this.#store!.actions)
    }
    const tree = await layOutRevision(root, revision)
    this.#closers.push(() => tree.remove())
    const there = join(tree.root, relative(root, file))
    if (!existsSync(there))
      throw new StageError(`${this.#shown(file)} was not there at ${revision}`, {
        advice: 'Name the file as it was called then: REVISION:FILE.',
      })
    const session = await this.#session(there, false)
    const howTo = `check ${revision} out elsewhere and run it with --home ${this.#shown(this.#home)}, or queryloom pull`
    return pipelineSide(
      session as Session,
      { kind: 'revision', name, about: `commit ${tree.commit.slice(0, 12)}` },
      howTo,
    )
  }

  async #session(file: string, lenient: boolean): Promise<Session | undefined> {
    const { param, params, only } = this.#options
    const { diagnostics, session } = await openSession({
      file,
      registry: this.#registry,
      params: param,
      paramsFiles: params,
      only,
      home: this.#home,
      remote: false,
    })
    if (session) {
      this.#closers.push(() => session.close())
      this.#store ??= session.store
      return session
    }
    if (lenient) return undefined
    tellDiagnostics(diagnostics)
    throw new StageError(`${this.#shown(file)} is not valid, so that it can't be compared`, {
      advice: 'A lockfile or a run can be: queryloom runs lists them.',
    })
  }

  async #ownStore(): Promise<Store> {
    if (!existsSync(this.#home))
      throw new StageError(`there is no store at ${this.#shown(this.#home)}`, {
        advice: 'Call this in the folder of the project, or say where it is with --home.',
      })
    const store = await openStore(this.#home)
    this.#closers.push(() => store.close())
    return store
  }

  async #lockOf(file: string): Promise<Lockfile> {
    const { lock, diagnostics } = await readLockfile(file)
    if (lock) return lock
    tellDiagnostics(diagnostics)
    throw new StageError(`${this.#shown(file)} is no lockfile`, { advice: FORMS })
  }

  #meant(revision?: string): string {
    if (this.#file !== undefined) return this.#file
    throw new StageError(
      revision === undefined
        ? '`now` of which pipeline?'
        : `there is no file ${revision}, and nothing says which pipeline is meant`,
      { advice: `Say --pipeline FILE. ${FORMS}` },
    )
  }

  #shown(file: string): string {
    const path = relative(this.#cwd, file)
    return path.startsWith('..') ? file : path || '.'
  }
}

function tooFew(runs: number, file: string | undefined): string {
  const of = file === undefined ? '' : ` of ${basename(file)}`
  if (runs === 0) return `there are no runs${of} yet`
  return runs === 1 ? `there is only one run${of}` : `there are only ${runs} runs${of}`
}
