import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ActionKey, isSha256 } from '../../cache/digest.ts'
import { writeFileAtomic } from '../../cache/durable.ts'

/** A name that somebody gave a run; the results of a tagged run are kept. */
export interface Tag {
  name: string
  run: string
  pipeline: string | null
  /** ISO 8601. */
  at: string
  /** Of all results that the run made or used. */
  keys: readonly ActionKey[]
}

/** What a tag may be called: it is the name of a file. */
export const TAG_NAME: RegExp = /^[A-Za-z0-9][\w.+-]{0,99}$/

/** The tags of a store, sorted by name; what is none is left out. */
export function readTags(store: string): Tag[] {
  const folder = join(store, 'tags')
  return names(folder)
    .sort()
    .flatMap((name) => (name.endsWith('.json') ? (read(join(folder, name)) ?? []) : []))
}

/** Writes a tag, over an earlier one of its name. */
export async function writeTag(store: string, tag: Tag): Promise<void> {
  mkdirSync(join(store, 'tags'), { recursive: true })
  await writeFileAtomic(pathOf(store, tag.name), JSON.stringify(tag))
}

/** Removes a tag; tells whether there was one. */
export function removeTag(store: string, name: string): boolean {
  if (!TAG_NAME.test(name) || !readTags(store).some((tag) => tag.name === name)) return false
  rmSync(pathOf(store, name), { force: true })
  return true
}

function pathOf(store: string, name: string): string {
  return join(store, 'tags', `${name}.json`)
}

function read(path: string): Tag | undefined {
  try {
    const tag = JSON.parse(readFileSync(path, 'utf8')) as Partial<Tag> | null
    const { name, run, pipeline = null, at = '', keys } = tag ?? {}
    if (typeof name !== 'string' || typeof run !== 'string' || !Array.isArray(keys)) return undefined
    return { name, run, pipeline, at, keys: keys.filter((key) => isSha256(key)) }
  } catch {
    return undefined
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
