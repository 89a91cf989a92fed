import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { RegisteredPipeline } from '../run/registered-pipelines.ts'
import { readTags } from './tags.ts'
import { entriesOf, treeSize } from './tree-bytes.ts'
import type { Usage } from './usage.ts'

/** Something that no result needs and that is old. */
export interface Leftover {
  path: string
  bytes: number
}

/** The newest runs stay however old they are. */
const RUNS_KEPT = 20

/**
 * What earlier work left beside the results, untouched for `keepMs`: folders of runs that are not tagged, what failed
 * nodes had written, checkpoints of attempts that nobody went on with, damaged blobs, copies of inputs, notes of pipelines that are gone.
 */
export function leftovers(
  store: string,
  usage: Usage,
  pipelines: readonly RegisteredPipeline[],
  { now, keepMs }: { now: number; keepMs: number },
): Leftover[] {
  const isOld = (time: number): boolean => now - time > keepMs
  const tagged = new Set(readTags(store).map(({ run }) => run))
  const live = new Set(usage.live.map(({ run }) => run))
  const runs = usage.runs
    .slice(RUNS_KEPT)
    .filter(({ run, startedAt }) => isOld(startedAt) && !tagged.has(run) && !live.has(run))
    .map(({ folder }) => folder)
  const isClaimed = (key: string): boolean =>
    lstatSync(join(store, 'claims', 'actions', key), { throwIfNoEntry: false }) !== undefined
  const found = [
    ...below(join(store, 'failed'), /^\d{8}T\d{6}-/),
    ...below(join(store, 'quarantine'), /^[0-9a-f]{64}-/),
    ...below(join(store, 'copies'), /^[0-9a-f]{32}$/),
    ...below(join(store, 'resume'), /^[0-9a-f]{64}$/).filter(({ name }) => !isClaimed(name)),
  ].map(({ path }) => path)
  const notes = pipelines.filter(({ isThere, usedAt }) => !isThere && isOld(usedAt)).map(({ note }) => note)
  return [...runs, ...found, ...notes].flatMap((path) => {
    const { bytes, changedMs } = treeSize(path)
    return isOld(changedMs) ? [{ path, bytes }] : []
  })
}

function below(folder: string, form: RegExp): { name: string; path: string }[] {
  return entriesOf(folder).flatMap(({ name }) => (form.test(name) ? [{ name, path: join(folder, name) }] : []))
}
