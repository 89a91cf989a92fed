import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { packagesIn } from '../rig/packages-in.ts'
import { Project } from '../rig/project.ts'

const PIPELINE = `version: 1
params: { greeting: hello }
stages:
  texts:
    uses: command
    with:
      run: cat texts/* > all
      inputs: { texts: "texts/*.txt" }
      outputs: { all: all }
  greeting:
    uses: command
    with:
      run: [sh, -c, "echo \${params.greeting} > out"]
      inputs: { all: "\${stages.texts.all}" }
      outputs: { out: out }
`

/** A project whose commands note which modules they load. */
class Watched {
  readonly project: Project
  readonly #list: string

  constructor() {
    const hook = join(packageRoot, 'test/rig/loaded-modules.mjs')
    this.project = new Project({ 'pipeline.yaml': PIPELINE, 'texts/a.txt': 'a\n', 'texts/b.txt': 'b\n' })
    this.#list = join(this.project.folder, 'loaded.list')
    Object.assign(this.project.environment, { NODE_OPTIONS: `--import=${hook}`, LOADED_MODULES: this.#list })
  }

  /** Whether a plan parsed the pipeline, and its decisions by node. */
  async plan(...args: string[]): Promise<{ parsed: boolean; nodes: { [id: string]: string } }> {
    writeFileSync(this.#list, '')
    const plan = await this.project.json<{ nodes: { id: string; decision: string }[] }>(
      'plan',
      'pipeline.yaml',
      ...args,
    )
    const modules = readFileSync(this.#list, 'utf8').split('\n')
    const parsed = modules.some((url) => url.startsWith('file:') && packagesIn(url).includes('yaml'))
    return { parsed, nodes: Object.fromEntries(plan.nodes.map(({ id, decision }) => [id, decision])) }
  }
}

const FRESH = { texts: 'cached', greeting: 'cached' }

test('an unchanged pipeline is not parsed again, wherever the command is called', async () => {
  const watched = new Watched()
  await watched.project.run('pipeline.yaml')
  expect(await watched.plan()).toEqual({ parsed: false, nodes: FRESH })
  const report = await watched.project.call('explain', 'pipeline.yaml', 'greeting')
  expect(report.status).toBe(0)
})

test('whatever the graph was made from makes it new: text, params, files that a pattern matches, kinds of paths', async () => {
  const watched = new Watched()
  const { project } = watched
  await project.run('pipeline.yaml')
  expect(await watched.plan('-p', 'greeting=bye')).toEqual({
    parsed: true,
    nodes: { texts: 'cached', greeting: 'run' },
  })
  project.write('texts/c.txt', 'c\n')
  expect(await watched.plan()).toEqual({ parsed: true, nodes: { texts: 'run', greeting: 'pending' } })
  expect((await watched.plan()).parsed).toBe(false)
  project.write('pipeline.yaml', PIPELINE.replace('hello', 'good day'))
  expect((await watched.plan()).parsed).toBe(true)
})

test('the content of inputs is read anew: a changed file reruns although nothing is parsed', async () => {
  const watched = new Watched()
  await watched.project.run('pipeline.yaml')
  watched.project.write('texts/a.txt', 'another\n')
  expect(await watched.plan()).toEqual({ parsed: false, nodes: { texts: 'run', greeting: 'pending' } })
})

test('what is remembered torn or altered is not used', async () => {
  const watched = new Watched()
  await watched.project.run('pipeline.yaml')
  const folder = join(watched.project.folder, '.queryloom/graphs')
  const [name] = readdirSync(folder)
  const file = join(folder, name as string)
  const text = readFileSync(file, 'utf8')
  for (const broken of [text.slice(0, -20), text.replace('echo', 'true'), '']) {
    writeFileSync(file, broken)
    expect(await watched.plan()).toEqual({ parsed: true, nodes: FRESH })
  }
})
