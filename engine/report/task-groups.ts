import type { PipelineFacts } from '../parse/pipeline.ts'
import type { Result } from './results.ts'
import { comparisonsOf, type System } from './systems.ts'

/** Means over the collections of each kind of task, as in BEIR's tables, and over all of them. */
export interface TaskGroupTable {
  metric: string
  profile: string
  groups: readonly TaskGroup[]
  /** One value for each group, null where the system was not measured on all of its collections; `all` likewise. */
  rows: readonly { system: string; values: readonly (number | null)[]; all: number | null }[]
}

/** A kind of task, and the collections behind its mean. */
interface TaskGroup {
  name: string
  /** Collections; the parts of one are averaged before the mean over collections is taken. */
  sets: readonly { name: string; parts: readonly string[] }[]
}

/**
 * A table for each metric and profile under which several known collections (`task` of `eval`) were measured, over all
 * queries and the mean of replicates. A system is a stage (or what `report.labels` calls several) under one combination
 * of the axes that do not choose the collection.
 */
export function taskGroupTables(
  results: readonly Result[],
  pipeline: Pick<PipelineFacts, 'axes' | 'report'>,
): TaskGroupTable[] {
  const comparisons = comparisonsOf(
    results.filter(({ scores }) => scores.task !== undefined),
    pipeline,
  )
  const choosing = axesThatChoose(results)
  return [...new Set(comparisons.map(({ profile }) => profile))].flatMap((profile) => {
    const ofProfile = comparisons.filter((comparison) => comparison.profile === profile)
    const groups = groupsOf(ofProfile.flatMap(({ systems }) => systems))
    if (groups.reduce((count, { sets }) => count + sets.length, 0) < 2) return []
    return [...new Set(ofProfile.flatMap(({ metrics }) => metrics))].map((metric): TaskGroupTable => {
      const measured = new Map<string, Map<string, number>>()
      for (const system of ofProfile.flatMap(({ systems }) => systems)) {
        const name = nameWithout(system, choosing)
        const values = system.replicates.flatMap(({ scores }) => scores.metrics[metric] ?? [])
        const of = measured.get(name) ?? new Map<string, number>()
        measured.set(name, of)
        if (values.length > 0) of.set(system.replicates[0]!.scores.task!, mean(values))
      }
      const rows = Array.from(measured, ([system, byTask]) => {
        const sets = groups.map((group) => group.sets.map(({ parts }) => meanOf(parts.map((part) => byTask.get(part)))))
        return { system, values: sets.map(meanOf), all: meanOf(sets.flat()) }
      })
      return { metric, profile, groups, rows }
    })
  })
}

function groupsOf(systems: readonly System[]): TaskGroup[] {
  const groups = new Map<string, Map<string, Set<string>>>()
  for (const { replicates } of systems) {
    const { task = '', task_group = '', task_within = task } = replicates[0]!.scores
    const sets = groups.get(task_group) ?? new Map<string, Set<string>>()
    groups.set(task_group, sets.set(task_within, (sets.get(task_within) ?? new Set()).add(task)))
  }
  return Array.from(groups, ([name, sets]) => ({
    name,
    sets: Array.from(sets, ([set, parts]) => ({ name: set, parts: [...parts] })),
  }))
}

/** Axes whose values each mean another collection, by stage. */
function axesThatChoose(results: readonly Result[]): ReadonlySet<string> {
  const tasks = new Map<string, Map<string, Set<string>>>()
  for (const { scored, scores } of results)
    for (const [axis, value] of Object.entries(scored.node.variant)) {
      const name = JSON.stringify([scored.node.stage, axis])
      const byValue = tasks.get(name) ?? new Map<string, Set<string>>()
      tasks.set(name, byValue.set(value, (byValue.get(value) ?? new Set()).add(scores.task ?? '')))
    }
  const choosing = new Set<string>()
  for (const [name, byValue] of tasks) {
    const each = [...byValue.values()]
    const all = new Set(each.flatMap((one) => [...one]))
    if (each.length > 1 && each.every((one) => one.size === 1) && all.size === each.length) choosing.add(name)
  }
  return choosing
}

function nameWithout({ name, stage, variant }: System, choosing: ReadonlySet<string>): string {
  const axes = Object.entries(variant)
    .filter(([axis]) => !choosing.has(JSON.stringify([stage, axis])))
    .map(([axis, value]) => `${axis}=${value}`)
  return axes.length === 0 ? name : `${name} [${axes.join(', ')}]`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function meanOf(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined)
  return known.length < values.length ? null : mean(known)
}
