import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { SETTINGS_SCHEMA, STRUCTURE_SCHEMA } from '../../engine/parse/schema.ts'
import { loadGraph } from '../../engine/plan/load-graph.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { OptionsSchema } from '../../stages/define.ts'
import { parsePrompt } from '../../stages/generate/prompt/prompt.ts'
import { registry } from '../../stages/registry.ts'
import { smallProject } from '../rig/small-project.ts'
import { writeFiles } from '../rig/stage.ts'
import { EVERY_KEY } from './pipeline-reference.ts'

const STAGE_SCHEMA = STRUCTURE_SCHEMA.properties!.stages!.additionalProperties as OptionsSchema

const blocks = ['prompts.md', 'cost.md'].flatMap((file) => {
  const text = readFileSync(join(packageRoot, 'docs', file), 'utf8')
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match, i) => ({
    name: `${file}, ${i + 1}`,
    text: match[1]!,
  }))
})

test('there are examples', () => expect(blocks.length).toBeGreaterThanOrEqual(5))

test.each(blocks)('the example of docs/$name is right', ({ text }) => {
  if (!text.startsWith('version:')) {
    expect(parsePrompt(text, 'prompt.yaml')).toMatchObject({
      value: { template: expect.stringContaining('{{passage}}') },
    })
    return
  }
  const folder = writeFiles({ ...smallProject(''), 'others.jsonl': '{"doc_id": "p1", "query": "a"}\n', 'p.yaml': text })
  cpSync(join(packageRoot, 'pipelines/prompts'), join(folder, 'prompts'), { recursive: true })
  const { graph, diagnostics } = loadGraph(join(folder, 'p.yaml'), { registry })
  expect(diagnostics).toEqual([])
  expect(graph?.nodes.size).toBeGreaterThan(1)
})

test('the example of docs/pipeline-format.md has every key of the language, and is a valid pipeline', () => {
  const folder = writeFiles({ ...smallProject(''), 'shared.yaml': 'params: {}\n', 'p.yaml': EVERY_KEY })
  const { graph, diagnostics } = loadGraph(join(folder, 'p.yaml'), { registry })
  expect(diagnostics).toEqual([])
  expect(graph?.nodes.size).toBeGreaterThan(20)
  const written = parse(EVERY_KEY, { maxAliasCount: 0 })
  const known = (schema: OptionsSchema): string[] =>
    Object.keys(schema.properties ?? {}).filter((name) => !schema.properties?.[name]?.notYet)
  expect(Object.keys(written)).toEqual(expect.arrayContaining(known(STRUCTURE_SCHEMA)))
  expect(Object.values(written.stages).flatMap((stage) => Object.keys(stage as object))).toEqual(
    expect.arrayContaining([...known(STAGE_SCHEMA), ...known(SETTINGS_SCHEMA)]),
  )
})
