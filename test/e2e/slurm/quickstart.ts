import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../rig/fake-openai.ts'
import { Project } from '../../rig/project.ts'

/** A fifth of its passages and of its training, with one seed of five: one node for each of its stages, and three that compare. */
const SMALLER = ['-p', 'passages=48', '-p', 'steps=40']
const ONE = [...SMALLER, '--only', 'train_seed=1']
const SMALL = [...ONE, '--lock', 'small.lock']
const NODES = 19

/** The quickstart with its language model behind an endpoint, where it costs nothing to have rows made. */
function quickstart(folder: string, url: string): string {
  cpSync(join(packageRoot, 'pipelines/quickstart'), folder, { recursive: true })
  const text = readFileSync(join(folder, 'quickstart.yaml'), 'utf8')
  const changed = text.replace(/^ {2}small:\n(?: {4}.*\n)+/m, `  small: { endpoint: "${url}", model: small }\n`)
  expect(changed).not.toBe(text)
  return changed
}

/** Words of the passage, not in its order: what the filters let pass. */
function query({ text, body }: SeenRequest): Reaction {
  const words = (text.split('Passage:').at(-1) ?? '').split(/\W+/).filter((word) => word.length > 3)
  return { answer: ` ${[5, 1, 7, 3].map((at) => words[(at + Number(body.seed ?? 0)) % words.length]).join(' ')}` }
}

/** Bytes of all files that `out/` shows, by path. */
function results(folder: string): { [path: string]: string } {
  const out = join(folder, 'out')
  const found: { [path: string]: string } = {}
  const look = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const inner = join(path, name)
      if (statSync(inner).isDirectory()) look(inner)
      else found[relative(out, inner)] = readFileSync(inner, 'base64')
    }
  }
  look(out)
  return found
}

/** A plan without what differs from store to store. */
const planned = (project: Project, ...words: string[]): Promise<{ nodes: unknown; totals: unknown }> =>
  project.json('plan', 'quickstart.yaml', ...ONE, ...words)

/** Tests of the quickstart on a cluster with the profile. */
export function quickstartOnSlurm(profile: string): void {
  test('the quickstart: from the same rows the same plan, the same keys and the same bytes as on one machine', async () => {
    const server = await fakeOpenai(query)
    const here = new Project({})
    here.write('quickstart.yaml', quickstart(here.folder, server.url))
    const local = await here.run('quickstart.yaml', ...SMALL)
    expect(local.finished).toMatchObject({ status: 'ok', nodes: { executed: NODES }, requests: { sent: 48 } })

    // The rows travel, and nothing else of the store.
    const there = new Project({ 'cluster.yaml': profile })
    const bundle = join(there.folder, 'rows.qlb')
    const exported = await here.call('export', 'quickstart.yaml', '--rows', '--with-data', '-o', bundle, ...SMALLER)
    expect(exported, exported.stderr).toMatchObject({ status: 0 })
    const imported = await there.call('import', bundle, '--unsigned')
    expect(imported, imported.stderr).toMatchObject({ status: 0 })
    await server.die()
    const made = readdirSync(there.folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(made).toHaveLength(1)
    there.folder = join(there.folder, (made[0] as { name: string }).name)

    const before = await planned(there)
    expect(before.totals).toMatchObject({ requests: 0 })
    const profiled = ['--profile', '../cluster.yaml']
    const dry = await there.json('run', 'quickstart.yaml', '--dry-run', ...ONE, ...profiled)
    expect(dry).toEqual(before)

    const run = await there.run('quickstart.yaml', ...SMALL, ...profiled, '--trust')
    expect(run.events.filter(({ type }) => type === 'node-failed')).toEqual([])
    expect(run.stderr).toBe('')
    expect(run.finished).toMatchObject({ status: 'ok', nodes: { executed: NODES }, requests: { sent: 0, cached: 48 } })
    expect(run.finished.children).toBe(0)
    expect(readFileSync(join(there.folder, 'small.lock'), 'utf8')).toBe(
      readFileSync(join(here.folder, 'small.lock'), 'utf8'),
    )
    expect(results(there.folder)).toEqual(results(here.folder))
    expect(await planned(there)).toEqual(await planned(here))
    expect((await there.run('quickstart.yaml', ...SMALL)).finished).toMatchObject({ nodes: { executed: 0 } })
  })
}
