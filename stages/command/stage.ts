import type { ArtifactKind, InputMarker, ServiceStageDefinition } from '../define.ts'

/** Where an output of a command lies, as written. */
export type OutputSpec = string | { path: string; type?: 'file' | 'folder' }

/** Options of `command` after defaults. */
export interface CommandOptions {
  run: string | readonly [string, ...string[]]
  inputs: { readonly [name: string]: InputMarker }
  outputs: { readonly [name: string]: OutputSpec }
}

const ARTIFACTS: readonly ArtifactKind[] = [
  'passages',
  'pairs',
  'negatives',
  'training',
  'model',
  'scores',
  'run',
  'qrels',
  'judgements',
  'analysis',
  'file',
  'folder',
]

/** Runs any program in a folder of its own that holds its declared inputs only, and keeps its declared outputs. */
export const command: ServiceStageDefinition<CommandOptions> = {
  type: 'command',
  version: 1,
  description: 'Runs any program on declared inputs and keeps its declared outputs.',
  thread: 'main',
  keepsFiles: true,
  deterministic: false,
  outputs: ({ outputs }) =>
    Object.fromEntries(Object.entries(outputs).map(([name, spec]) => [name, describeOutput(spec).type])),
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['run', 'outputs'],
    properties: {
      run: {
        description: 'The program and its arguments as a list, or one line for `sh -c`. It runs in a fresh folder.',
        oneOf: [
          { type: 'string', minLength: 1 },
          { type: 'array', minItems: 1, items: { type: 'string' } },
        ],
      },
      inputs: {
        type: 'object',
        default: {},
        description:
          'What the folder holds, by name in it: a path, a glob or a reference. A file (and a `file` output) stands there under the name itself; folders, globs, other outputs and collections are folders of that name. A list over variants is a folder with one entry for each, named by what tells them apart, such as `density=1,scale=0.5` (`only`, where there is one). The program may change them: they are copies, or above 16 MiB links to the read-only originals.',
        additionalProperties: {
          description:
            'A path, a glob, or a reference to an output, a dataset (its corpus) or a split (its queries and judgements).',
          slot: { accepts: [...ARTIFACTS, 'dataset', 'split', 'path'], parts: ['corpus'], lists: 'labelled' },
        },
      },
      outputs: {
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: '^[A-Za-z0-9_-]{1,100}$', expects: 'a name of letters, digits, `_` and `-`' },
        description: 'What the program leaves, by output name; anything else that it writes is thrown away.',
        additionalProperties: {
          oneOf: [
            {
              type: 'string',
              minLength: 1,
              description: 'A path in the folder: of a folder if it ends in `/`, else of a file.',
            },
            {
              type: 'object',
              additionalProperties: false,
              required: ['path'],
              properties: {
                path: { type: 'string', minLength: 1, description: 'A path in the folder.' },
                type: { enum: ['file', 'folder'], description: 'What stands there. Default: by the end of the path.' },
              },
            },
          ],
        },
      },
    },
  },
  check({ inputs, outputs }) {
    const problems: { at: string; message: string; advice?: string }[] = []
    const places = new Map<string, string>()
    for (const name of Object.keys(inputs)) {
      const problem = problemOf(name)
      if (problem !== undefined) problems.push({ at: `inputs/${escapePointer(name)}`, message: `${name} ${problem}` })
      else noteClash(places, name, `inputs/${escapePointer(name)}`, problems)
    }
    places.clear()
    for (const [name, spec] of Object.entries(outputs)) {
      const { path, type } = describeOutput(spec)
      const at = `outputs/${escapePointer(name)}`
      const problem = problemOf(path)
      if (problem !== undefined) problems.push({ at, message: `${path} ${problem}`, advice: STAY_INSIDE })
      else if (type === 'file' && path.endsWith('/'))
        problems.push({ at, message: `${path} ends in a slash, but its type is file` })
      else noteClash(places, path, at, problems)
    }
    return problems
  },
  exposes: ({ run }) => [
    { does: 'runs', what: typeof run === 'string' ? `sh -c ${JSON.stringify(run)}` : JSON.stringify(run) },
  ],
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}

const STAY_INSIDE = 'Inputs and outputs are relative paths inside the folder that the command runs in.'

/** Path and type of an output: a folder if its path ends in `/` or its type says so, else a file. */
export function describeOutput(spec: OutputSpec): { path: string; type: 'file' | 'folder' } {
  const { path, type } = typeof spec === 'string' ? { path: spec } : spec
  return { path, type: type ?? (path.endsWith('/') ? 'folder' : 'file') }
}

/** A name as a part of a JSON pointer. */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function problemOf(place: string): string | undefined {
  if (place.startsWith('/') || /^[A-Za-z]:[\\/]/.test(place)) return 'is an absolute path'
  if (place.includes('\0')) return 'has a NUL character'
  const parts = place.replace(/\/$/, '').split('/')
  if (parts.includes('..')) return 'leads out of the folder that the command runs in'
  if (parts.some((part) => part === '' || part === '.')) return 'is not a plain relative path'
  return undefined
}

function noteClash(
  places: Map<string, string>,
  written: string,
  at: string,
  problems: { at: string; message: string }[],
): void {
  const place = written.replace(/\/$/, '')
  for (const other of places.keys())
    if (other === place || other.startsWith(`${place}/`) || place.startsWith(`${other}/`)) {
      problems.push({ at, message: `${written} overlaps with ${places.get(other)}` })
      return
    }
  places.set(place, written)
}
