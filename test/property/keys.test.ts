import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, stringify, type ToStringOptions } from 'yaml'
import type { GraphNode } from '../../engine/plan/node.ts'
import type { Json } from '../../stages/define.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { everyStage } from './every-stage.ts'
import { keysOf } from './keys-of.ts'

fc.configureGlobal({ seed: 20260102 })

const folder = (): string => everyStage()
const text = readFileSync(new URL('../golden/keys/every-stage/pipeline.yaml', import.meta.url), 'utf8')
const written = parse(text) as Json
const writtenPrompt = readFileSync(new URL('../golden/keys/every-stage/prompt.yaml', import.meta.url), 'utf8')

/** Keys of all nodes, sorted: what they are whatever nodes are called. */
async function keySet(folder: string, file?: string): Promise<string[]> {
  return (await keysOf(folder, file)).map(({ key }) => key).sort()
}

/** The same value, its maps written in an order that `draw` decides. */
function shuffled(value: Json, draw: (bound: number) => number): Json {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, draw))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, member]) => [name, shuffled(member, draw)] as const)
  for (let i = entries.length - 1; i > 0; i--) {
    const j = draw(i + 1)
    ;[entries[i], entries[j]] = [entries[j]!, entries[i]!]
  }
  return Object.fromEntries(entries)
}

function tellsAxes({ definition, inputs }: GraphNode): boolean {
  const reads = [...inputs.values()].some((ref) => ref.type === 'stage' && ref.kind === 'qrels')
  return reads || ['analysis', 'judge'].includes(definition.type)
}

const style = fc.record({
  indent: fc.constantFrom(2, 3, 8),
  lineWidth: fc.constantFrom(0, 40, 200),
  collectionStyle: fc.constantFrom('block', 'flow', 'any'),
  defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE'),
} as const)

describe('keys do not depend on', () => {
  test('the order of maps, comments, quotes and layout', async () => {
    const place = folder()
    const expected = await keySet(place)
    expect(new Set(expected).size).toBeGreaterThan(30)
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), style, async (numbers, style) => {
        const draw = (bound: number): number => (numbers.next().value as number) % bound
        const head = `# comment ${draw(1000)}\n`
        const options = style as ToStringOptions
        writeFileSync(join(place, 'pipeline.yaml'), head + stringify(shuffled(written, draw), options))
        const prompt = shuffled(parse(writtenPrompt) as Json, draw)
        writeFileSync(join(place, 'prompt.yaml'), head + stringify(prompt, options))
        expect(await keySet(place)).toEqual(expected)
      }),
      { numRuns: 25 },
    )
  })

  test('names of stages, params, datasets, models, the pipeline, its file and its files', async () => {
    const place = folder()
    // Names of axes are how an analysis and a judge tell variants apart: they stand in what these write.
    const others = async (file: string): Promise<string[]> =>
      (await keysOf(place, file)).flatMap(({ node, key }) => (tellsAxes(node) ? [] : [key])).sort()
    const expected = await others('pipeline.yaml')
    const sections = ['params', 'datasets', 'models', 'stages'] as const
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 10_000 }),
        fc.subarray([...sections], { minLength: 1 }),
        async (n, some) => {
          let renamed = text.replace('name: every-stage', `name: p${n}`).replaceAll('prompt.yaml', `prompt-${n}.yaml`)
          for (const section of some) {
            for (const name of Object.keys((written as { [section: string]: object })[section]!)) {
              const other = `${name.slice(0, n % 3)}x${n}-${name}`
              renamed = renamed
                .replaceAll(new RegExp(`\\$\\{${section}\\.${name}(?=[.}])`, 'g'), `\${${section}.${other}`)
                .replace(new RegExp(`(?<=^${section}:\\n(?:.*\\n)*?  )${name}(?=:)`, 'm'), other)
              if (section === 'params')
                renamed = renamed
                  .replace(new RegExp(`(?<=^sweep:\\n(?:.*\\n)*?    )${name}(?=:)`, 'm'), other)
                  .replace(new RegExp(`(?<=exclude:.*)\\b${name}(?=:)`), other)
                  .replace(new RegExp(`(?<=replicates:.*)\\b${name}(?=:)`), other)
            }
          }
          writeFileSync(join(place, `file-${n}.yaml`), renamed)
          writeFileSync(join(place, `prompt-${n}.yaml`), writtenPrompt)
          expect(await others(`file-${n}.yaml`)).toEqual(expected)
        },
      ),
      { numRuns: 15 },
    )
  })

  test('the folder, its way there, its parents, times of files, their rights and what else lies there', async () => {
    const place = folder()
    const expected = await keySet(place)
    const parent = temporaryFolder()
    const moved = join(parent, 'ÄÖ  with spaces', '日本')
    mkdirSync(join(moved, '..'), { recursive: true })
    renameSync(place, moved)
    expect(await keySet(moved)).toEqual(expected)
    cpSync(moved, join(parent, 'copy'), { recursive: true })
    expect(await keySet(join(parent, 'copy'))).toEqual(expected)
    symlinkSync(moved, join(parent, 'link'))
    expect(await keySet(join(parent, 'link'))).toEqual(expected)
    utimesSync(join(moved, 'collection/corpus.jsonl'), 1, 1)
    chmodSync(join(moved, 'collection/corpus.jsonl'), 0o600)
    chmodSync(join(moved, 'tool.sh'), 0o744)
    writeFileSync(join(moved, 'collection/notes.txt'), 'nobody reads this')
    expect(await keySet(moved)).toEqual(expected)
    chmodSync(join(moved, 'tool.sh'), 0o644)
    expect(await keySet(moved)).not.toEqual(expected)
  })
})

test('each thing that can change a result changes keys, and of no other node than those that depend on it', async () => {
  const place = folder()
  const before = await keysOf(place)
  const changed = async (from: string, to: string): Promise<string[]> => {
    if (!text.includes(from)) throw new Error(`no ${from}`)
    writeFileSync(join(place, 'pipeline.yaml'), text.replace(from, to))
    const keys = new Map((await keysOf(place)).map(({ node, key }) => [node.id as string, key]))
    return [...new Set(before.filter(({ node, key }) => keys.get(node.id) !== key).map(({ node }) => node.stage))]
  }
  const judgedToo = [
    'judged',
    'judged-scores',
    'kept',
    'listed',
    'model',
    'model-of-words',
    'ours',
    'queries',
    'ranked',
  ]
  const afterQueries = ['analysis', 'data', ...judgedToo, 'scores']
  expect((await changed('LEVEL: "3"', 'LEVEL: "4"')).sort()).toEqual(['listed', 'ours'])
  expect((await changed('revision: r2', 'revision: r3')).sort()).toEqual(afterQueries)
  expect((await changed('min_p: 0.05', 'min_p: 0.06')).sort()).toEqual(afterQueries)
  expect((await changed('cp, in/out.txt', 'cp, -p, in/out.txt')).sort()).toEqual(['listed'])
  expect(await changed('prices: { input: 0.15', 'prices: { input: 0.3')).toEqual([])
  expect(await changed('concurrency: 8', 'concurrency: 9')).toEqual([])
  expect(await changed('threads: 4', 'threads: 5')).toEqual([])
  expect(await changed('attempts: 3', 'attempts: 4')).toEqual([])
  expect(await changed('timeout: 5m', 'timeout: 6m')).toEqual([])
  expect(await changed('pass_env: [HOME]', 'pass_env: [USER]')).toEqual([])
  expect(await changed('127.0.0.1:8000', '127.0.0.1:9001')).toEqual([])
})

test('real runs in another locale, time zone, home, folder and with other concurrency have the same keys and bytes', async () => {
  const server = await fakeOpenai(writtenBy)
  const environments = [
    {},
    { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Pacific/Chatham', HOME: '/nonexistent', USER: 'somebody' },
    { LANG: 'C', LC_ALL: 'POSIX', TZ: 'America/St_Johns', LC_COLLATE: 'de_DE.UTF-8', LANGUAGE: 'de' },
  ]
  const seen: unknown[] = []
  for (const [turn, environment] of environments.entries()) {
    const project = new Project(smallProject(server.url), environment)
    const pipeline = readFileSync(join(project.folder, 'pipeline.yaml'), 'utf8')
    const listing = `  listing:
    uses: command
    with: { run: "ls files > out.txt; date >> out.txt; echo ä | tr a-z A-Z >> out.txt", inputs: { files: files }, outputs: { out: out.txt } }\n`
    project.write(
      'pipeline.yaml',
      pipeline.replace('concurrency: 4', `concurrency: ${1 + 7 * turn}`) + listing.replace('date', 'date -d @0'),
    )
    for (const name of ['B', 'a', 'ı', 'I', 'ä']) project.write(`files/${name}`, name)
    const run = await project.run('pipeline.yaml', '-j', String(1 + 3 * turn))
    expect(run.finished.status).toBe('ok')
    const keys = run.events.flatMap((event) => (event.type === 'node-finished' ? [`${event.node} ${event.key}`] : []))
    const read = (path: string): string => readFileSync(join(project.folder, 'out/pipeline', path), 'base64')
    const files = [
      'listing/out/out.txt',
      'scores/run/run.trec',
      'retriever/model/model.safetensors',
      'lines/lines/lines.txt',
    ]
    seen.push({ keys: keys.sort(), bytes: files.map(read) })
  }
  expect(seen[1]).toEqual(seen[0])
  expect(seen[2]).toEqual(seen[0])
})
