import { spawnSync } from 'node:child_process'
import { constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { Peer } from './peers/peer.ts'

/** Names folders with programs, before those of PATH. */
export const TOOLS_VARIABLE = 'QUERYLOOM_BENCH_TOOLS'

/**
 * The variables of everything that is measured: nothing of npm, which may have started us, no telemetry, no colours,
 * and caches and settings below `home`, which is nobody's.
 */
export function benchEnvironment(home: string): NodeJS.ProcessEnv {
  const tools = (process.env[TOOLS_VARIABLE] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => [resolve(folder), resolve(folder, 'bin'), resolve(folder, 'node_modules/.bin')])
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_/i.test(name) && !['NODE_OPTIONS', 'INIT_CWD', 'MAKEFLAGS', 'FORCE_COLOR'].includes(name),
  )
  return {
    ...Object.fromEntries(inherited),
    PATH: [...tools, process.env.PATH ?? ''].join(delimiter),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_CONFIG_HOME: join(home, 'config'),
    DVC_SITE_CACHE_DIR: join(home, 'dvc-site'),
    DVC_GLOBAL_CONFIG_DIR: join(home, 'dvc-global'),
    DO_NOT_TRACK: '1',
    NO_COLOR: '1',
    NO_UPDATE_NOTIFIER: '1',
    npm_config_update_notifier: 'false',
  }
}

/** The version of a peer, or undefined if a program that it needs is not there. */
export function versionOf(peer: Peer, environment: NodeJS.ProcessEnv): string | undefined {
  const paths = peer.programs.map((program) => find(program, environment.PATH ?? ''))
  const [first] = paths
  if (first === undefined || paths.includes(undefined)) return undefined
  if (peer.version) return peer.version()
  return packageVersion(realpathSync(first)) ?? printedVersion(first, environment)
}

function find(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((candidate) => {
      const mode = statSync(candidate, { throwIfNoEntry: false })?.mode ?? 0
      return (mode & constants.S_IFMT) === constants.S_IFREG && (mode & 0o111) !== 0
    })
}

function printedVersion(program: string, environment: NodeJS.ProcessEnv): string {
  const { stdout } = spawnSync(program, ['--version'], { env: environment, encoding: 'utf8', timeout: 60_000 })
  return /\d+(\.\d+)+\S*/.exec(stdout)?.[0] ?? 'unknown'
}

/** The version in the package.json above a script of a package. */
function packageVersion(script: string): string | undefined {
  for (let folder = dirname(script); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version
  }
  return undefined
}
