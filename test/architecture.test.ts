import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../engine/util/package-root.ts'

/** What a module in a folder may import beside its own folder; the first matching row counts. */
const RULES: readonly [folder: string, allowed: readonly string[]][] = [
  ['cache', ['cache']],
  ['stages', ['stages', 'cache', 'engine/util', 'engine/parse/compose-yaml.ts']],
  ['engine/util', ['engine/util']],
  ['engine/parse', ['engine/parse', 'engine/util', 'cache', 'stages/define.ts']],
  ['engine/plan', ['engine/plan', 'engine/parse', 'engine/util', 'cache', 'stages/define.ts']],
  ['engine/lock', ['engine/lock', 'engine/plan', 'engine/parse', 'engine/util', 'cache', 'stages/define.ts']],
  ['engine/run/stage-worker.ts', ['engine/run', 'stages/registry.ts', 'stages/define.ts']],
  ['engine/run/stage-job.ts', ['engine/run', 'stages/registry.ts', 'stages/define.ts']],
  ['engine/run/stage-task.ts', ['engine/run', 'cache', 'stages/registry.ts', 'stages/define.ts']],
  [
    'engine/run',
    [
      'engine/run',
      'engine/lock',
      'engine/plan',
      'engine/parse',
      'engine/util',
      'engine/session.ts',
      'cache',
      'stages/define.ts',
    ],
  ],
  ['engine/session.ts', ['engine/lock', 'engine/plan', 'engine/parse', 'engine/util', 'cache', 'stages/define.ts']],
  [
    'engine/audit',
    [
      'engine/audit',
      'engine/report',
      'engine/plan',
      'engine/parse',
      'engine/util',
      'engine/session.ts',
      'cache',
      'stages/define.ts',
    ],
  ],
  [
    'engine/report',
    [
      'engine/report',
      'engine/run',
      'engine/lock',
      'engine/plan',
      'engine/parse',
      'engine/util',
      'engine/session.ts',
      'cache',
      'stages/define.ts',
    ],
  ],
  [
    'engine/share',
    ['engine/share', 'engine/plan', 'engine/parse', 'engine/util', 'engine/session.ts', 'cache', 'stages/define.ts'],
  ],
  [
    'engine/upkeep',
    ['engine/upkeep', 'engine/report', 'engine/run', 'engine/plan', 'engine/parse', 'engine/util', 'cache'],
  ],
  [
    'engine/doctor',
    ['engine/doctor', 'engine/run', 'engine/plan', 'engine/parse', 'engine/util', 'cache', 'stages/define.ts'],
  ],
  ['engine/init', ['engine/init']],
  [
    'engine/watch',
    ['engine/watch', 'engine/report', 'engine/plan', 'engine/parse', 'engine/util', 'cache', 'stages/define.ts'],
  ],
  ['engine/cli', ['engine', 'cache', 'stages/registry.ts', 'stages/define.ts']],
]

function modules(folder: string): string[] {
  return readdirSync(join(packageRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(packageRoot, join(entry.parentPath, entry.name)))
}

function imports(module: string): string[] {
  const text = readFileSync(join(packageRoot, module), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    relative(packageRoot, resolve(packageRoot, dirname(module), match[1] as string)),
  )
}

const below = (path: string, place: string): boolean => path === place || path.startsWith(`${place}/`)

test('imports point left in parse, plan, run, report, or into cache and util', () => {
  const all = ['cache', 'stages', 'engine'].flatMap(modules)
  expect(all.length).toBeGreaterThan(100)
  const wrong = all.flatMap((module) => {
    const rule = RULES.find(([folder]) => below(module, folder))
    if (!rule) return [`${module} is in no known folder`]
    return imports(module)
      .filter((imported) => !rule[1].some((place) => below(imported, place)))
      .map((imported) => `${module} imports ${imported}`)
  })
  expect(wrong).toEqual([])
})

test('no module grows beyond what can be read at once', () => {
  const long = ['cache', 'stages', 'engine'].flatMap(modules).filter((module) => {
    return readFileSync(join(packageRoot, module), 'utf8').split('\n').length > 400
  })
  expect(long).toEqual([])
})

test('no module needs itself to be loaded, by way of others', () => {
  const needed = new Map(['cache', 'stages', 'engine'].flatMap(modules).map((module) => [module, loads(module)]))
  const circles: string[] = []
  const done = new Set<string>()
  const follow = (module: string, path: readonly string[]): void => {
    const at = path.indexOf(module)
    if (at >= 0) circles.push([...path.slice(at), module].join(' -> '))
    if (at >= 0 || done.has(module)) return
    for (const next of needed.get(module) ?? []) follow(next, [...path, module])
    done.add(module)
  }
  for (const module of needed.keys()) follow(module, [])
  expect(circles).toEqual([])
})

/** What is loaded with `module`: its imports, without types and without those that wait to be called. */
function loads(module: string): string[] {
  const text = readFileSync(join(packageRoot, module), 'utf8')
  const statements = text.matchAll(
    /^(?:import|export)\s+(?!type\s)(?:\{([^}]*)\}|[^'"{;]*?)\s*(?:from\s+)?'(\.[^']+)'/gm,
  )
  return [...statements]
    .filter(([, names]) => names === undefined || names.split(',').some((name) => /^\s*(?!type\s)\w/.test(name)))
    .map(([, , from]) => relative(packageRoot, resolve(packageRoot, dirname(module), from as string)))
}
