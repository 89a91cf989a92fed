import type { GraphNode } from '../plan/node.ts'

/** Variable that marks every process of a run, so that stragglers of a dead run can be told from anybody else's. */
export const RUN_COOKIE = 'QUERYLOOM_RUN'
/** Variable that tells the children of a run, and all that they start, from each other. */
export const CHILD_COOKIE = 'QUERYLOOM_CHILD'

const KEPT = /^(PATH|HOME|USER|LD_LIBRARY_PATH|CUDA_VISIBLE_DEVICES)$/
const NETWORK =
  /^((https?|all|no|ftp)_proxy|ssl_cert_(file|dir)|requests_ca_bundle|curl_ca_bundle|(pip|uv)_.*|xdg_cache_home)$/i

/**
 * The environment of a child: the same on every machine but for what a machine must provide, so that a result does
 * not depend on a shell's settings. Installers (`network`) also see proxy, certificate and index settings.
 */
export function childEnvironment(options: {
  /** Marks the processes of one run. */
  cookie: string
  child: string
  temporary: string
  network?: boolean
  declared?: { readonly [name: string]: string }
}): { [name: string]: string } {
  return {
    ...(options.network ? inherited(NETWORK) : {}),
    ...inherited(KEPT),
    TMPDIR: options.temporary,
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    PYTHONHASHSEED: '0',
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
    ...options.declared,
    [RUN_COOKIE]: options.cookie,
    [CHILD_COOKIE]: options.child,
  }
}

/**
 * The variables that a node declares, those in its key and those that are only passed on, and the cards lent to it:
 * without any, and `gpus: 0`, none are seen.
 */
export function declaredEnvironment(node: GraphNode, cards: readonly string[]): { [name: string]: string } {
  const passed = node.passEnv.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(passed), ...node.env, ...cardsEnvironment(cards, node.resources.gpus) }
}

/** What a node's processes are given that must not be written anywhere. */
export function passedSecrets(node: GraphNode): string[] {
  return node.passEnv.flatMap((name) => process.env[name] ?? [])
}

/** User names and passwords in the addresses of proxies and package indexes that installers are given. */
export function networkSecrets(): string[] {
  return Object.values(inherited(NETWORK)).flatMap((value) => {
    const [, found = ''] = /:\/\/([^\s/]+)@/.exec(value) ?? []
    const [user = '', password] = found.split(/:(.*)/s)
    const secret = password ?? user
    try {
      return [secret, decodeURIComponent(secret)]
    } catch {
      return [secret]
    }
  })
}

/** What tells a process which cards it may use; nothing where it asked for nothing, so that it sees what we see. */
export function cardsEnvironment(
  cards: readonly string[] | undefined,
  asked: number | undefined,
): { [name: string]: string } {
  return asked === undefined ? {} : { CUDA_VISIBLE_DEVICES: (cards ?? []).join(',') }
}

const known = new Map<RegExp, { [name: string]: string }>()

// Reading the environment costs more than all else here, and a process does not change its own.
function inherited(names: RegExp): { [name: string]: string } {
  let found = known.get(names)
  if (!found) {
    const chosen = Object.entries(process.env).filter(([name, value]) => names.test(name) && value !== undefined)
    found = Object.fromEntries(chosen) as { [name: string]: string }
    known.set(names, found)
  }
  return found
}
