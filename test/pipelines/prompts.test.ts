import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { parsePrompt } from '../../stages/generate/prompt/prompt.ts'
import { render } from '../../stages/generate/prompt/render.ts'

const folder = join(packageRoot, 'pipelines/prompts')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort()

test('there are prompts', () => expect(files.length).toBeGreaterThan(18))

test.each(files)('%s is right, shows the passage, and says where it comes from', (file) => {
  const text = readFileSync(join(folder, file), 'utf8')
  const parsed = parsePrompt(text, file)
  expect('problems' in parsed ? parsed.problems : []).toEqual([])
  if ('problems' in parsed) return
  expect(
    text
      .split('\n')
      .filter((line) => line.startsWith('#'))
      .join(' '),
  ).toMatch(/arXiv:\d{4}\.\d{5}|our own words/)
  const passage = { title: 'Tides', text: 'The moon pulls the sea.', variables: { query: 'why tides' }, count: 3 }
  const rendered = JSON.stringify(render(parsed.value, { ...passage, previous: ['tides'] }, 0, 1))
  expect(rendered).toContain('The moon pulls the sea.')
  expect(rendered).not.toContain('{{')
  if (parsed.value.variables) expect(rendered).toContain('why tides')
  if (parsed.value.previous) expect(rendered).toContain('- tides')
})
