import type { Json } from '../../stages/define.ts'
import { durationMs } from '../parse/duration.ts'
import { explainErrors } from '../parse/explain.ts'
import { asMap } from '../parse/json.ts'
import type { StageBlock } from '../parse/pipeline.ts'
import { SETTINGS_SCHEMA } from '../parse/schema.ts'
import { validate } from '../parse/validate.ts'
import { bindBlock, type Scope } from './bind.ts'
import { reportInBlock } from './locate-problem.ts'
import type { Retry } from './node.ts'
import { poolProblems, readResources } from './resources.ts'

/** What of a node is not its inputs. */
export interface NodeSettings {
  /** False where there is to be no node. */
  when: boolean
  env: { readonly [name: string]: string }
  resources: ReturnType<typeof readResources>
  timeoutMs?: number
  retry: Retry
  executor?: 'local' | 'slurm'
}

const NO_RETRY = { attempts: 1, backoffMs: 0 }
const DEFAULT_BACKOFF_MS = 1_000
const DEFAULTS: NodeSettings = { when: true, env: {}, resources: readResources({}), retry: NO_RETRY }

/** Fills params into the settings of a stage and checks them; undefined after reporting what is wrong. */
export function readSettings(block: StageBlock, scope: Scope): NodeSettings | undefined {
  if (Object.keys(block.settings).length === 0) return DEFAULTS
  const base = ['stages', block.name]
  const bound = bindBlock(block.settings as Json, SETTINGS_SCHEMA, base, { ...scope, inputs: false })
  const settings = asMap(bound.value)
  const env: { [name: string]: Json } = {}
  for (const [name, value] of Object.entries(asMap(settings.env))) {
    const filled = bound.origins.has(`env/${name}`) && (typeof value === 'number' || typeof value === 'boolean')
    env[name] = filled ? String(value) : value
  }
  const wellFormed = typeof settings.env === 'object' && settings.env !== null && !Array.isArray(settings.env)
  const value = wellFormed ? { ...settings, env } : settings
  const problems = explainErrors(validate(SETTINGS_SCHEMA, value))
  reportInBlock(problems, bound, base, scope.pipeline, scope.diagnostics)
  if (problems.length > 0 || bound.holes.size > 0) return undefined
  const resources = readResources(value.resources)
  const unmet = poolProblems(resources.pools, scope.pools ?? {})
  reportInBlock(unmet, bound, base, scope.pipeline, scope.diagnostics)
  if (unmet.length > 0) return undefined
  const retry = asMap(value.retry)
  const timeoutMs = typeof value.timeout === 'string' ? durationMs(value.timeout) : undefined
  return {
    when: value.when !== false,
    env: env as { [name: string]: string },
    resources,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(value.executor === undefined ? {} : { executor: value.executor as 'local' | 'slurm' }),
    retry:
      value.retry === undefined
        ? NO_RETRY
        : {
            attempts: (retry.attempts as number | undefined) ?? 1,
            backoffMs: typeof retry.backoff === 'string' ? durationMs(retry.backoff)! : DEFAULT_BACKOFF_MS,
            ...(typeof retry.memory === 'number' ? { memory: retry.memory } : {}),
          },
  }
}
