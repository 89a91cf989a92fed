import type { ChildProcess } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { ended, Project } from '../rig/project.ts'
import { SMALL_PROMPT, smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

/** A watching process and what it has said. */
class Watching {
  text = ''
  readonly child: ChildProcess
  #read = 0

  constructor(project: Project, ...words: string[]) {
    this.child = project.start('watch', ...words)
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (part: string) => {
        this.text += part
      })
    onTestFinished(() => void this.child.kill('SIGKILL'))
  }

  /** What it says from the last call on, once that matches. */
  async says(expected: RegExp): Promise<string> {
    while (!expected.test(this.text.slice(this.#read))) {
      if (this.child.exitCode !== null) throw new Error(`it has ended, and said\n${this.text.slice(this.#read)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const said = this.text.slice(this.#read)
    this.#read = this.text.length
    return said
  }
}

test('watch tells what a save changes: of prompts, params and included files, also when an editor renames', async () => {
  const server = await fakeOpenai(writtenBy)
  const project = new Project({
    ...smallProject(server.url),
    'shared.yaml': 'params: { spare: 1 }\n',
    'given.yaml': 'density: 1\n',
  })
  project.write('pipeline.yaml', smallPipeline(server.url).replace('version: 1', 'version: 1\ninclude: [shared.yaml]'))
  await project.run('pipeline.yaml', '--params', 'given.yaml')
  const asked = server.requests.length
  const watching = new Watching(project, 'pipeline.yaml', '--params', 'given.yaml')
  await watching.says(/7 cached; 0 requests/)

  // As editors save: another file takes the name's place.
  writeFileSync(join(project.folder, '.prompt.swp'), SMALL_PROMPT.replace('Search query', 'Question'))
  renameSync(join(project.folder, '.prompt.swp'), join(project.folder, 'prompt.yaml'))
  const edited = await watching.says(/requests? to send/)
  expect(edited).toMatch(/queries +cached → run +option prompt\S* changed/)
  expect(edited).toMatch(/kept +cached → pending/)
  expect(edited).not.toMatch(/passages +cached/)

  project.write('prompt.yaml', SMALL_PROMPT)
  expect(await watching.says(/7 cached; 0 requests/)).toMatch(/queries +run → cached/)

  project.write('given.yaml', 'density: 2\n')
  expect(await watching.says(/requests? to send/)).toMatch(/queries +cached → run/)
  project.write('given.yaml', 'density: 1\n')
  await watching.says(/7 cached; 0 requests/)

  project.write('shared.yaml', 'params: { spare: \n')
  await watching.says(/shared\.yaml:\d+:\d+/)
  rmSync(join(project.folder, 'shared.yaml'))
  await watching.says(/there is no file/)
  project.write('shared.yaml', 'params: { spare: 2 }\n')
  await watching.says(/the plan is the same/)
  expect(server.requests.length).toBe(asked)

  const end = ended(watching.child)
  process.kill(watching.child.pid as number, 'SIGINT')
  expect((await end).status).toBe(0)
})

test('watch --run runs what a save made stale', async () => {
  const server = await fakeOpenai(writtenBy)
  const project = new Project(smallProject(server.url))
  const watching = new Watching(project, 'pipeline.yaml', '--run', '--plain')
  await watching.says(/7 nodes executed/)
  const asked = server.requests.length
  project.write('pipeline.yaml', smallPipeline(server.url, { fraction: 0.75 }))
  await watching.says(/nodes executed/)
  expect(server.requests.length).toBe(asked * 1.5)
  process.kill(watching.child.pid as number, 'SIGINT')
  expect(await new Promise((resolve) => watching.child.on('close', resolve))).toBe(0)
})
