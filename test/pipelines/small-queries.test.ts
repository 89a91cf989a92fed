import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { Project } from '../rig/project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const FOLDER = join(packageRoot, 'pipelines/paper')
const BUNDLE = join(FOLDER, 'small-queries.qlb')
const SCIFACT = join(packageRoot, '../shared/data/scifact')
const SMALL = ['--params', join(FOLDER, 'small.yaml'), '-p', `augmented=${SCIFACT}`, '-p', `measured=${SCIFACT}`]
const LARGEST = 5 * 2 ** 20

const there = existsSync(SCIFACT)
if (!there) console.warn('skipped: plans on stored queries for SciFact need ../shared/data/scifact')

/** The store of the imported bundle. */
async function imported(project: Project): Promise<string> {
  const folder = join(temporaryFolder(), 'rows')
  const { status, stdout } = await project.call('import', BUNDLE, folder, '--unsigned')
  expect(status).toBe(0)
  expect(stdout).toMatch(/[\d,]{3,} answers/)
  return join(folder, '.queryloom')
}

describe('the queries that come along', () => {
  test('are few enough to stand in the repository, and can be imported', async () => {
    expect(statSync(BUNDLE).size).toBeLessThan(LARGEST)
    await imported(new Project({}))
  })

  test.skipIf(!there)('answer all that the small forms ask of a model for SciFact', async () => {
    const project = new Project({})
    const home = await imported(project)
    for (const name of ['scale', 'density', 'selection', 'negatives']) {
      const { totals } = await project.json<{ totals: { requests: number; cached_requests: number } }>(
        'plan',
        join(FOLDER, `${name}.yaml`),
        ...SMALL,
        '--home',
        home,
      )
      expect([name, totals.requests]).toEqual([name, 0])
      expect(totals.cached_requests).toBeGreaterThan(200)
    }
  })
})
