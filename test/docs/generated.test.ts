import { join } from 'node:path'
import { expect, test } from 'vitest'
import { assembleSchema } from '../../engine/parse/schema.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import { registry } from '../../stages/registry.ts'
import { cliReference } from './cli-reference.ts'
import { leafCommands, parseCall } from './command-tree.ts'
import { pipelineReference } from './pipeline-reference.ts'
import { shellWords } from './shell-words.ts'
import { stageReference } from './stage-reference.ts'

/** Commands that print what programs read anyway. */
const WITHOUT_JSON = ['completion', 'schema']

// `npx vitest run test/docs -u` writes them anew.
test('docs/stages.md is what the stage definitions say', async () => {
  await expect(stageReference(registry)).toMatchFileSnapshot(join(packageRoot, 'docs/stages.md'))
})

test('docs/pipeline-format.md is what the schemas say, and every key has a meaning there', async () => {
  const text = pipelineReference(registry)
  expect(text.split('\n').filter((line) => /^\| `.*\| +\|$/.test(line))).toEqual([])
  await expect(text).toMatchFileSnapshot(join(packageRoot, 'docs/pipeline-format.md'))
})

test('docs/cli.md is what the commands say', async () => {
  await expect(cliReference()).toMatchFileSnapshot(join(packageRoot, 'docs/cli.md'))
})

test.each(leafCommands())(
  'the help of $name has an example that parses, and the command prints for programs',
  async ({ name, command, after }) => {
    const [, example] = /^Example:\n {2}\$ queryloom ([^\n]*)/.exec(after) ?? []
    expect(example, after).toMatch(new RegExp(`^${name}\\b`))
    await parseCall(shellWords(example as string))
    if (!WITHOUT_JSON.includes(name)) expect(command.options.map(({ long }) => long)).toContain('--json')
  },
)

test('pipelines/pipeline.schema.json is the schema that pipelines are checked by', async () => {
  const schema = JSON.stringify(assembleSchema(registry).editor, null, 2)
  await expect(`${schema}\n`).toMatchFileSnapshot(join(packageRoot, 'pipelines/pipeline.schema.json'))
})
