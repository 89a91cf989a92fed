import type { JobPlaces } from '../run/job-places.ts'
import type { Session } from '../session.ts'
import { tellDiagnostics } from './with-session.ts'

/** Options that say where stages run. */
export interface PlaceOptions {
  profile?: string
  leaveJobs?: boolean
}

/**
 * Which nodes run as jobs, by the profile and the pipeline: nothing is loaded where neither says so. Undefined after
 * telling what is wrong with the profile.
 */
export async function jobsOf(
  { graph, registry: { models } }: Session,
  { profile: file, leaveJobs = false }: PlaceOptions,
): Promise<{ places?: JobPlaces } | undefined> {
  const nodes = [...graph.nodes.values()]
  if (file === undefined && !nodes.some(({ executor }) => executor === 'slurm')) return {}
  const { jobPlaces } = await import('../run/job-places.ts')
  const { NO_PROFILE, readProfile } = await import('../run/slurm/profile.ts')
  if (file === undefined) return { places: jobPlaces(NO_PROFILE, models, () => leaveJobs) }
  const { profile, diagnostics } = readProfile(file, new Set(nodes.map(({ stage }) => stage)))
  tellDiagnostics(diagnostics)
  return profile && { places: jobPlaces(profile, models, () => leaveJobs) }
}
