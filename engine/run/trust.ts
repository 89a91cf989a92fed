import type { Sha256 } from '../../cache/digest.ts'
import { openTrustMarks, type TrustMarks } from '../../cache/trust-marks.ts'
import { type ModelLeases, StageError } from '../../stages/define.ts'
import type { Plan } from '../plan/decision.ts'
import { exposureDigest, exposureOf, isExecuting, type ShownExposure } from '../plan/exposure.ts'
import type { GraphNode } from '../plan/node.ts'
import { remoteParts } from '../plan/source-files.ts'
import type { Session } from '../session.ts'
import type { LocalProcesses } from './local-processes.ts'

/** What is known of a pipeline that came with a bundle. */
export interface ImportedPipeline {
  bundle: string
  exposures: readonly ShownExposure[]
  /** Over both. */
  digest: Sha256<'exposure'>
  trusted: boolean
}

/** Whether a pipeline, or a file that it includes, came with a bundle; undefined for one's own. */
export async function importedPipeline(
  session: Session,
  marks: TrustMarks = openTrustMarks(),
): Promise<ImportedPipeline | undefined> {
  const { graph, pipeline, sources, registry } = session
  const bundles = pipeline.sources.flatMap(({ file, digest }) => marks.bundleOf(file, digest) ?? [])
  if (bundles.length === 0) return undefined
  await sources.load(graph.nodes.values())
  const bundle = [...new Set(bundles)].sort().join(' ')
  const exposures = exposureOf(graph, sources, registry.models)
  const digest = exposureDigest(bundle, exposures)
  return { bundle, exposures, digest, trusted: exposures.length === 0 || marks.isTrusted(digest) }
}

/** Whether carrying out a plan would execute or contact something, as far as that can be told before. */
export function reachesOutside({ nodes, totals }: Plan): boolean {
  if (totals.requests > 0) return true
  return nodes.some(({ node, decision }) => decision.kind !== 'cached' && (isExecuting(node) || isFetching(node)))
}

function isFetching({ inputs }: GraphNode): boolean {
  return [...inputs.values()].some((ref) => ref.type === 'dataset' && remoteParts(ref).length > 0)
}

/** What nodes of a pipeline that is not trusted work with: nothing is started or contacted for them. */
export function withheld<
  Services extends {
    models: ModelLeases
    processes: (...of: never[]) => Promise<LocalProcesses>
    fetch: (...of: never[]) => Promise<void>
  },
>(services: Services): Services {
  const refuse = (): never => {
    throw new StageError(
      'this pipeline came with a bundle, and is not trusted: nothing is executed or contacted for it',
      {
        advice: 'see what it would do, and trust it if you want that, with `queryloom trust FILE`',
      },
    )
  }
  const processes: LocalProcesses = { start: refuse, run: async () => refuse(), gone: async () => true }
  return {
    ...services,
    models: { use: async () => refuse() },
    processes: async () => processes,
    fetch: async () => refuse(),
  }
}
