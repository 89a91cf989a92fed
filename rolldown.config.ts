import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type OutputOptions, type Plugin, type RolldownOptions } from 'rolldown'

/** Programs and threads, each with a file of its own. */
const ENTRIES = [
  'engine/cli/main',
  'engine/run/stage-task',
  'engine/run/stage-worker',
  'engine/run/stage-job',
  'engine/upkeep/hash-worker',
  'stages/encoders/encoder-worker',
]

/** Threads that are started where every tenth of a second counts: each lies in one file, and loads nothing else. */
const ALONE = ['stages/generate/sending-worker', 'stages/generate/stored/stored-worker']

/**
 * What a command needs that finds nothing to do. It lies in one file: a file more costs half a millisecond, and most
 * calls end there.
 */
const USUAL = [
  'engine/cli/commands/plan',
  'engine/cli/commands/run',
  'engine/cli/commands/status',
  'engine/cli/trust-check',
  'engine/lock/update-lockfile',
  'engine/run/preflight',
  'engine/run/run',
  'stages/registry',
]

/** Packages of many small files that most runs load: each file takes as long as much code in one. All others are loaded from where they are installed. */
const BUNDLED = ['@observablehq/plot', 'commander', 'execa', 'linkedom', 'listr2', 'xxhash-wasm', 'yaml']

const sourceOf = (module: string): string => join(import.meta.dirname, `${module}.ts`)

type ModuleGraph = { getModuleInfo(id: string): { importedIds: readonly string[] } | null }

/** All that is loaded with some modules. */
function reached(from: readonly string[], graph: ModuleGraph): Set<string> {
  const found = new Set<string>()
  const open = from.map(sourceOf)
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue
    found.add(id)
    open.push(...(graph.getModuleInfo(id)?.importedIds ?? []))
  }
  return found
}

/** Which of the shared files a module goes into, if not one that the bundler makes up. */
function groups(): (id: string, graph: ModuleGraph) => string | null {
  let start: Set<string> | undefined
  let usual: Set<string> | undefined
  return (id, graph) => {
    start ??= reached(['engine/cli/main'], graph)
    usual ??= reached(USUAL, graph)
    // What an entry does when it is loaded is only for who starts it.
    if (ENTRIES.some((entry) => sourceOf(entry) === id)) return null
    return start.has(id) ? 'start' : usual.has(id) ? 'usual' : null
  }
}

/** The folders of the packages that modules are of. */
function packagesOf(modules: readonly string[]): string[] {
  return [...new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []))].sort()
}

/** Writes down the licences of what was bundled. */
function licences(): Plugin {
  return {
    name: 'licences',
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
      const source = packagesOf(modules)
        .map(licenceOf)
        .join(`\n${'-'.repeat(80)}\n\n`)
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES.txt', source })
    },
  }
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf('/node_modules/') + '/node_modules/'.length)
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (file === undefined) throw new Error(`${name} comes without its licence`)
  const text = readFileSync(join(folder, file), 'utf8')
  return `${name} ${version} (${license})\n\n${text}`
}

const COMMON: RolldownOptions = {
  platform: 'node',
  external: (id, importer) =>
    !/^[./]/.test(id) &&
    !importer?.includes('/node_modules/') &&
    !BUNDLED.some((name) => `${id}/`.startsWith(`${name}/`)),
  // What most calls need lies in one file, though some call for parts of it later.
  checks: { ineffectiveDynamicImport: false },
}

const OUTPUT: OutputOptions = {
  dir: 'dist',
  entryFileNames: '[name].js',
  // Tells readers, and a test, whose code is in a file.
  banner: ({ moduleIds }) =>
    packagesOf(moduleIds)
      .map((folder) => `// from ${nameOf(folder)}\n`)
      .join(''),
}

const inputOf = (entries: readonly string[]): { [entry: string]: string } =>
  Object.fromEntries(entries.map((entry) => [entry, sourceOf(entry)]))

const config: RolldownOptions[] = defineConfig([
  {
    ...COMMON,
    input: inputOf(ENTRIES),
    plugins: [licences()],
    output: {
      ...OUTPUT,
      chunkFileNames: 'chunks/[name]-[hash].js',
      codeSplitting: { groups: [{ name: groups(), debugName: 'usual' }] },
    },
  },
  ...ALONE.map((entry) => ({ ...COMMON, input: inputOf([entry]), output: { ...OUTPUT, codeSplitting: false } })),
])

export default config
