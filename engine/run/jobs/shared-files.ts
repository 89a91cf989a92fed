import { constants, existsSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import { copyFile, rename, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { hexOf } from '../../../cache/digest.ts'
import { freshNonce, fsyncFile } from '../../../cache/durable.ts'
import type { StatMemo } from '../../../cache/stat-memo.ts'
import { type SourceFile, StageError, type StageInput } from '../../../stages/define.ts'
import { unreachable } from '../../util/unreachable.ts'
import { digestOf } from './file-digests.ts'

/**
 * Files that jobs read, on the shared folder. What lies where all nodes see it is read there; anything else is copied
 * once for its content, under its sha256, and found again by other jobs and runs.
 */
export class SharedFiles {
  readonly #folder: string
  readonly #visible: readonly string[]
  readonly #memo: Pick<StatMemo, 'digest'>

  /** `visible` are folders that all nodes see under the same path. */
  constructor(folder: string, visible: readonly string[], memo: Pick<StatMemo, 'digest'>) {
    this.#folder = folder
    this.#visible = visible
    this.#memo = memo
  }

  /** Where nodes read the bytes of a file. */
  async place(location: string): Promise<string> {
    if (this.#visible.some((folder) => isBelow(location, folder))) return location
    const digest = await this.#memo.digest(location)
    const hex = hexOf(digest)
    const target = join(this.#folder, hex.slice(0, 2), hex)
    const { size } = statSync(location)
    if (statSync(target, { throwIfNoEntry: false })?.size === size) {
      const now = Date.now() / 1000
      // What is not used for long is removed.
      utimesSync(target, now, now)
      return target
    }
    mkdirSync(dirname(target), { recursive: true })
    const temporary = `${target}.${freshNonce()}.tmp`
    try {
      await copyFile(location, temporary, constants.COPYFILE_FICLONE)
      await fsyncFile(temporary)
      if ((await digestOf(temporary)) !== digest)
        throw new StageError('an input changed while it was copied to the shared folder', {
          where: location,
          advice: 'Run again when the file is no longer being written.',
        })
      await rename(temporary, target)
    } finally {
      await rm(temporary, { force: true })
    }
    return target
  }

  /** The same inputs, read where nodes see them; folders are put together below `links`. */
  async inputs(
    inputs: { readonly [name: string]: StageInput },
    links: string,
  ): Promise<{ [name: string]: StageInput }> {
    rmSync(links, { recursive: true, force: true })
    const shared: { [name: string]: StageInput } = {}
    for (const [name, input] of Object.entries(inputs))
      shared[name] = await this.#input(input, join(links, name.replaceAll('%', '%25').replaceAll('/', '%2F')))
    return shared
  }

  async #input(input: StageInput, links: string): Promise<StageInput> {
    switch (input.type) {
      case 'artifact':
        return { ...input, files: await this.#located(input.files) }
      case 'path':
        return { ...input, files: await this.#located(input.files) }
      case 'encoder':
      case 'cross-encoder':
        return { ...input, files: await this.#located(input.files) }
      case 'dataset': {
        const part = async (name: 'corpus' | 'queries' | 'qrels'): Promise<{ [part: string]: SourceFile }> => {
          const file = input[name]
          return file ? { [name]: await this.#source(file, join(links, name)) } : {}
        }
        return { ...input, ...(await part('corpus')), ...(await part('queries')), ...(await part('qrels')) }
      }
      case 'llm':
      case 'prompt':
        return input
      default:
        return unreachable(input)
    }
  }

  async #located<File extends { location: string }>(files: readonly File[]): Promise<File[]> {
    const shared: File[] = []
    for (const file of files) shared.push({ ...file, location: await this.place(file.location) })
    return shared
  }

  /** A file keeps its ending, and files of a folder their paths: readers go by them. */
  async #source(source: SourceFile, links: string): Promise<SourceFile> {
    const { location, files } = source
    if (this.#visible.some((folder) => isBelow(location, folder))) return source
    const paths = files ?? [location.slice(location.lastIndexOf('/') + 1)]
    for (const path of paths) {
      const link = join(links, path)
      mkdirSync(dirname(link), { recursive: true })
      if (!existsSync(link)) symlinkSync(await this.place(files ? join(location, path) : location), link)
    }
    return { ...source, location: files ? links : join(links, paths[0] as string) }
  }
}

function isBelow(location: string, folder: string): boolean {
  const path = relative(folder, location)
  return path !== '' && !path.startsWith('..') && !path.startsWith('/')
}
