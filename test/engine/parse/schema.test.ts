import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { assembleSchema } from '../../../engine/parse/schema.ts'
import { fakeRegistry } from './fake-registry.ts'

const GOOD = `
version: 1
params: { k: 2, opts: { temperature: 1 } }
datasets: { d: { source: "\${params.k}" } }
models: { m: { endpoint: "http://127.0.0.1/v1" } }
stages:
  s: { uses: sample, with: { dataset: "\${datasets.d}", fraction: "\${params.k}" }, timeout: "\${params.k}" }
  q:
    uses: write
    with:
      passages: \${stages.s.passages}
      prompt: prompts/a.yaml
      per_passage: \${params.k}
      decoding: \${params.opts}
      steps: [{ length: { min: "\${params.k}" } }]
    resources: { cpus: 2 }
`

describe('the schema for editors', () => {
  const { editor } = assembleSchema(fakeRegistry)
  const check = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allowUnionTypes: true }).compile(
    editor,
  )

  test('is standard JSON Schema and accepts references wherever values stand', () => {
    expect(check(parse(GOOD))).toBe(true)
  })

  test.each([
    ['an unknown option', 'per_passage:', 'per_pasage:'],
    ['an option of another stage type', 'fraction:', 'per_passage:'],
    ['a wrong value', 'per_passage: ${params.k}', 'per_passage: many'],
    ['an unknown stage type', 'uses: sample', 'uses: sampel'],
    ['a missing input', 'passages: ${stages.s.passages}', 'model: ${models.m}'],
    ['a plain text where only a reference can stand', '${stages.s.passages}', 'passages.jsonl'],
    ['a key of a later version', 'resources:', 'when:'],
  ])('refuses %s', (_, good, bad) => {
    expect(GOOD).toContain(good)
    expect(check(parse(GOOD.replace(good, bad)))).toBe(false)
  })

  test('holds no words of ours', () => {
    expect(JSON.stringify(editor)).not.toMatch(/"(slot|semantic|expects|code)":/)
  })
})
