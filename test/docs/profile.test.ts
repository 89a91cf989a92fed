import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROFILE_SCHEMA } from '../../engine/run/slurm/profile-schema.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { OptionsSchema } from '../../stages/define.ts'
import { OPTION_HEAD, optionRows } from './option-rows.ts'

// What may be said of one stage may be said of all, and is told there.
const { stages, ...members } = PROFILE_SCHEMA.properties as { readonly [name: string]: OptionsSchema }
const { additionalProperties: _, ...alone } = stages as OptionsSchema

test('docs/slurm.md tells each member of a profile as it is checked', () => {
  const text = readFileSync(join(packageRoot, 'docs/slurm.md'), 'utf8')
  const rows = [...OPTION_HEAD, ...optionRows({ properties: { ...members, stages: alone } })]
  expect(text).toContain(rows.join('\n'))
})
