import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { readRemotes } from '../../cache/remote-config.ts'
import { SETTINGS_SCHEMA, STRUCTURE_SCHEMA } from '../../engine/parse/schema.ts'
import { loadGraph } from '../../engine/plan/load-graph.ts'
import { readProfile } from '../../engine/run/slurm/profile.ts'
import { PROFILE_SCHEMA } from '../../engine/run/slurm/profile-schema.ts'
import { makePlan, openSession } from '../../engine/session.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { OptionsSchema } from '../../stages/define.ts'
import { parsePrompt } from '../../stages/generate/prompt/prompt.ts'
import { registry } from '../../stages/registry.ts'
import { smallProject } from '../rig/small-project.ts'
import { writeFiles } from '../rig/stage.ts'
import { blocksOf, documents } from './blocks.ts'
import { EVERY_KEY } from './pipeline-reference.ts'

const SECTIONS = STRUCTURE_SCHEMA.properties!
const STAGE_SCHEMA = SECTIONS.stages!.additionalProperties as OptionsSchema
const SKELETON = readFileSync(join(import.meta.dirname, 'skeleton.yaml'), 'utf8')

type Map = { [name: string]: unknown }

/** What a block of YAML is: it is told by its keys, so that no document has to say it. */
type Kind = 'pipeline' | 'prompt' | 'remotes' | 'profile' | 'sections' | 'stages'

function kindOf(value: Map): Kind {
  const names = Object.keys(value)
  if (names.includes('remotes')) return 'remotes'
  if (names.includes('user')) return 'prompt'
  if (names.includes('version')) return 'pipeline'
  if (names.every((name) => Object.hasOwn(SECTIONS, name))) return 'sections'
  return names.every((name) => Object.hasOwn(PROFILE_SCHEMA.properties!, name)) ? 'profile' : 'stages'
}

/** A project with all that examples name. */
function project(pipeline: string): string {
  const folder = writeFiles({
    ...smallProject('http://127.0.0.1:9/v1'),
    'others.jsonl': '{"doc_id": "p1", "query": "a"}\n',
    'by-hand.jsonl': '',
    'table.py': '',
    'tune.py': '',
    'docs/handbook.md': '# Of hats\n',
    'products.csv': 'sku,description\na,of hats\n',
    'questions.tsv': 'q1\ta question\n',
    'judged.qrels': 'q1 0 p1 1\n',
    'dev.csv': 'q,p,grade\nq1,p1,1\n',
    'exchange/README': '',
    'shared.yaml': 'params: {}\n',
    'p.yaml': pipeline,
  })
  cpSync(join(packageRoot, 'pipelines/prompts'), join(folder, 'prompts'), { recursive: true })
  for (const name of ['data/mine', 'data/my-corpus'])
    for (const part of ['corpus.jsonl', 'queries.jsonl', 'qrels'])
      cpSync(join(folder, 'data', part), join(folder, name, part), { recursive: true })
  return folder
}

/** A fragment put into the skeleton, its names over those that are there. */
function whole(sections: Map): string {
  const merged = parse(SKELETON) as Map
  if (JSON.stringify(sections).includes('stages.baseline-')) merged.baselines = ['bm25', 'untrained', 'labelled']
  for (const [name, value] of Object.entries(sections)) {
    const there = merged[name]
    merged[name] = isMap(there) && isMap(value) ? { ...there, ...value } : value
  }
  return stringify(merged)
}

function isMap(value: unknown): value is Map {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const blocks = documents()
  .filter((document) => !/^docs\/(stages|cli|pipeline-format)\.md$/.test(document))
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'yaml')

test('blocks of YAML are pipelines, fragments, prompts, remotes or profiles; few are only sketched', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(25)
  expect(blocks.map(({ note }) => note).filter((note) => note !== '' && note !== 'sketch')).toEqual([])
  expect(blocks.filter(({ note }) => note === 'sketch').length).toBeLessThanOrEqual(2)
})

test.each(blocks)('the example at $place is right', async ({ text, note }) => {
  const value = parse(text) as Map
  if (note === 'sketch') return expect(value).toBeTruthy()
  const kind = kindOf(value)
  switch (kind) {
    case 'prompt':
      return expect(parsePrompt(text, 'prompt.yaml')).toMatchObject({
        value: { template: expect.stringContaining('{{passage}}') },
      })
    case 'remotes': {
      const folder = writeFiles({ 'queryloom.yaml': text })
      return expect(await readRemotes([{ path: join(folder, 'queryloom.yaml'), own: true }])).not.toEqual([])
    }
    case 'profile': {
      const folder = writeFiles({ 'cluster.yaml': text })
      return expect(readProfile(join(folder, 'cluster.yaml'), new Set()).profile).toBeDefined()
    }
    case 'pipeline':
      return planned(text)
    case 'sections':
      return planned(whole(value))
    case 'stages':
      return planned(whole({ stages: value }))
  }
})

/** Everything is there, nothing is wrong, and a plan says what would be asked. */
async function planned(text: string): Promise<void> {
  const cwd = project(text)
  const { diagnostics, session } = await openSession({ file: join(cwd, 'p.yaml'), registry, cwd, remote: false })
  try {
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    expect((await makePlan(session!)).nodes.length).toBeGreaterThan(0)
  } finally {
    await session?.close()
  }
}

test('the example of docs/pipeline-format.md has every key of the language, and is a valid pipeline', () => {
  const { graph, diagnostics } = loadGraph(join(project(EVERY_KEY), 'p.yaml'), { registry })
  expect(diagnostics).toEqual([])
  expect(graph?.nodes.size).toBeGreaterThan(20)
  const written = parse(EVERY_KEY)
  const known = (schema: OptionsSchema): string[] => Object.keys(schema.properties ?? {})
  expect(Object.keys(written)).toEqual(expect.arrayContaining(known(STRUCTURE_SCHEMA)))
  expect(Object.values(written.stages).flatMap((stage) => Object.keys(stage as object))).toEqual(
    expect.arrayContaining([...known(STAGE_SCHEMA), ...known(SETTINGS_SCHEMA)]),
  )
})
