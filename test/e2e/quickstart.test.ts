import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { notPrinted, outputBlock } from '../docs/printed.ts'
import { Project } from '../rig/project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const python = hasPython()
if (!python) console.warn('skipped: the quickstart needs Python >= 3.10 for the server of its language model')

function hasPython(): boolean {
  try {
    execFileSync('python3', ['-c', 'import sys, venv; sys.exit(sys.version_info < (3, 10))'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

interface MetricsRow {
  node: string
  fresh: boolean
  retriever: string
  dataset: string
  queries: number
  metrics: { 'ndcg@10': number; 'recall@10': number }
}

// Fewer passages than the quickstart itself has, so that a test costs a quarter of its requests.
const SMALL = ['-p', 'passages=48']

test.skipIf(!python)(
  'the quickstart, smaller: a real language model, every stage type that it has, and again for nothing',
  async () => {
    const project = new Project({})
    copyQuickstart(project.folder)
    const plan = await project.json<{ totals: { requests: number } }>('plan', 'quickstart.yaml', ...SMALL)
    expect(plan.totals.requests).toBe(48)

    const run = await project.run('quickstart.yaml', ...SMALL)
    expect(run.finished).toMatchObject({
      status: 'ok',
      nodes: { executed: 59, failed: 0 },
      requests: { sent: 48, failed: 0 },
    })

    const pairs = readFileSync(join(project.folder, 'out/quickstart/queries/pairs/pairs.jsonl'), 'utf8')
    const queries = pairs
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { query: string }).query)
    expect(queries.length).toBeGreaterThan(40)
    expect(new Set(queries).size).toBeGreaterThan(30)

    const metrics = await project.json<MetricsRow[]>('metrics', 'quickstart.yaml', ...SMALL)
    expect(metrics).toHaveLength(26)
    for (const row of metrics) {
      expect(row).toMatchObject({ fresh: true, dataset: 'collection', queries: 97 })
      expect(row.metrics['ndcg@10']).toBeGreaterThan(0)
      expect(row.metrics['ndcg@10']).toBeLessThan(1)
    }
    expect(metrics.find((row) => row.node === 'bm25')?.metrics['ndcg@10']).toBeGreaterThan(0.7)

    const { stdout } = await project.call('metrics', 'quickstart.yaml', ...SMALL)
    // What the README shows, whoever is the nearest here.
    const anybody = (text: string): string => text.replace(/The nearest is [^(]*\(/, 'The nearest is SYSTEM (')
    expect(notPrinted(anybody(outputBlock('README.md', 'collection, test')), anybody(stdout))).toEqual([])

    const again = await project.run('quickstart.yaml', ...SMALL)
    expect(again.finished).toMatchObject({
      nodes: { executed: 0, cached: 59 },
      requests: { sent: 0, cached: 0 },
      children: 0,
      bytes_hashed: 0,
    })
    expect(leftOver(project.folder)).toEqual([])

    // Another checkout with a store of its own and the same remote.
    const remote = temporaryFolder()
    const entry = `remotes:\n  lab: { folder: ${remote}, write: true, unsigned: allow }\n`
    const other = new Project({}, { XDG_CONFIG_HOME: temporaryFolder() })
    for (const { folder } of [project, other]) {
      mkdirSync(join(folder, '.queryloom'), { recursive: true })
      writeFileSync(join(folder, '.queryloom/remotes.yaml'), entry)
    }
    copyQuickstart(other.folder)
    const push = await project.call('push', 'quickstart.yaml', ...SMALL)
    expect(push, push.stderr).toMatchObject({ status: 0 })
    await project.run('quickstart.yaml', ...SMALL, '--lock', 'small.lock')
    const second = await other.run('quickstart.yaml', ...SMALL, '--lock', 'small.lock')
    expect(second.finished).toMatchObject({
      status: 'ok',
      nodes: { executed: 0, fetched: 59 },
      requests: { sent: 0 },
      children: 0,
    })
    const locks = [project, other].map(({ folder }) => readFileSync(join(folder, 'small.lock'), 'utf8'))
    expect(locks[1]).toBe(locks[0])
  },
  900_000,
)

function copyQuickstart(folder: string): void {
  cpSync(join(packageRoot, 'pipelines/quickstart'), folder, {
    recursive: true,
    filter: (path) => !/[/\\](out|\.queryloom)([/\\]|$)/.test(path),
  })
}

/** Processes that still name this folder on their command line or work in it. */
function leftOver(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder)
    } catch {
      return false
    }
  })
}
