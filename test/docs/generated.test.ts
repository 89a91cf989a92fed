import { join } from 'node:path'
import { expect, test } from 'vitest'
import { assembleSchema } from '../../engine/parse/schema.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import { registry } from '../../stages/registry.ts'
import { stageReference } from './stage-reference.ts'

// `npx vitest run test/docs -u` writes them anew.
test('docs/stages.md is what the stage definitions say', async () => {
  await expect(stageReference(registry)).toMatchFileSnapshot(join(packageRoot, 'docs/stages.md'))
})

test('pipelines/pipeline.schema.json is the schema that pipelines are checked by', async () => {
  const schema = JSON.stringify(assembleSchema(registry).editor, null, 2)
  await expect(`${schema}\n`).toMatchFileSnapshot(join(packageRoot, 'pipelines/pipeline.schema.json'))
})
