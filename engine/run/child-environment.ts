import type { GraphNode } from '../plan/node.ts'

/** Variable that marks every process of a run, so that stragglers of a dead run can be told from anybody else's. */
export const RUN_COOKIE = 'QUERYLOOM_RUN'

const KEPT = ['PATH', 'HOME', 'USER', 'LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES']
const NETWORK =
  /^((https?|all|no|ftp)_proxy|ssl_cert_(file|dir)|requests_ca_bundle|curl_ca_bundle|(pip|uv)_.*|xdg_cache_home)$/i

/**
 * The environment of a child: the same on every machine but for what a machine must provide, so that a result does
 * not depend on a shell's settings. Installers (`network`) also see proxy, certificate and index settings.
 */
export function childEnvironment(options: {
  /** Marks the processes of one run. */
  cookie: string
  temporary: string
  network?: boolean
  declared?: { readonly [name: string]: string }
}): { [name: string]: string } {
  const environment: { [name: string]: string } = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined) continue
    if (KEPT.includes(name) || (options.network && NETWORK.test(name))) environment[name] = value
  }
  return {
    ...environment,
    TMPDIR: options.temporary,
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    PYTHONHASHSEED: '0',
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
    [RUN_COOKIE]: options.cookie,
    ...options.declared,
  }
}

/** The variables that a node declares: those in its key, and those that are only passed on. */
export function declaredEnvironment(node: GraphNode): { [name: string]: string } {
  const passed = node.passEnv.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(passed), ...node.env }
}
