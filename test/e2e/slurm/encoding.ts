import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderDigest } from '../../rig/folder-digest.ts'
import { ended, Project } from '../../rig/project.ts'
import type { Cluster } from '../../rig/slurm.ts'
import { waitFor } from '../../rig/wait-for.ts'
import { tinyTransformer } from '../../stages/encoders/tiny-transformer.ts'

const WORDS = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`w${i}`, [Math.sin(i), Math.cos(i), i / 7]]))
const PASSAGES = 9_000
const wordsOf = (number: number): string => [...String(number)].map((digit) => `w${digit}`).join(' ')

/** Two evaluations of one encoder on a collection that is worth two shares. */
function collection(): Project {
  const lines = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const queries = [17, 4_711, 8_999]
  const encoder = tinyTransformer(WORDS)
  const made = new Project({
    'p.yaml': `version: 1
datasets: { d: { source: data } }
models: { m: { encoder: onnx, source: encoder, sha256: ${folderDigest(encoder)} } }
stages:
  scores:
    uses: eval
    with: { model: "\${models.m}", dataset: "\${datasets.d}", metrics: [ndcg@10] }
  deep:
    uses: eval
    with: { model: "\${models.m}", dataset: "\${datasets.d}", metrics: [recall@20], top_k: 20 }
`,
    'data/corpus.jsonl': lines(
      Array.from({ length: PASSAGES }, (_, i) => ({ _id: `p${i}`, title: '', text: wordsOf(i) })),
    ),
    'data/queries.jsonl': lines(queries.map((i) => ({ _id: `q${i}`, text: wordsOf(i) }))),
    'data/qrels/test.tsv': ['query-id\tcorpus-id\tscore', ...queries.map((i) => `q${i}\tp${i}\t1`), ''].join('\n'),
  })
  cpSync(encoder, join(made.folder, 'encoder'), { recursive: true })
  return made
}

/** Tests of encoding on a cluster with the profile. */
export function encodingOnSlurm(cluster: Cluster, profile: string): void {
  test('a large corpus is encoded in shares, once for all that search it, and the run that waits for them may die', async () => {
    const here = collection()
    const local = await here.run('p.yaml')
    expect(local.finished).toMatchObject({ status: 'ok', nodes: { executed: 2 } })

    const there = collection()
    const at = (name: string): string => join(there.folder, name)
    // Each job says what it is, and shares wait until they may begin.
    const note = `echo "$SLURM_JOB_NAME" >>${at('begun')}`
    const gate = `case $SLURM_JOB_NAME in *encoding*) while [ ! -e ${at('go')} ]; do sleep 0.1; done;; esac`
    there.write('cluster.yaml', `${profile}shards: 4\nbefore: ['${note}', '${gate}']\n`)
    const begun = (): string[] =>
      existsSync(at('begun')) ? readFileSync(at('begun'), 'utf8').split('\n').filter(Boolean) : []
    const first = there.start('run', 'p.yaml', '--profile', 'cluster.yaml')
    await waitFor(() => begun().length === 2)
    process.kill(-first.pid!, 'SIGKILL')
    await ended(first)
    expect(cluster.jobs()).toHaveLength(2)
    there.write('go', '')

    const run = await there.run('p.yaml', '--profile', 'cluster.yaml')
    expect(run.events.filter(({ type }) => type === 'node-failed')).toEqual([])
    expect(run.stderr).toBe('')
    expect(run.finished).toMatchObject({ status: 'ok', nodes: { executed: 2 } })
    const names = begun().map((name) => name.split('.')[0])
    expect(names.filter((name) => name?.includes('encoding'))).toHaveLength(2)
    expect(names.filter((name) => !name?.includes('encoding')).sort()).toEqual(['deep', 'scores'])
    for (const out of ['scores/run/run.trec', 'scores/scores/scores.json', 'deep/run/run.trec'])
      expect(readFileSync(at(`out/p/${out}`), 'utf8')).toBe(readFileSync(join(here.folder, 'out/p', out), 'utf8'))
    // Their vectors are those of the store: nothing is left to compute, here or there.
    const again = await there.run('p.yaml', '--force', 'scores', '--profile', 'cluster.yaml')
    expect(again.finished).toMatchObject({ status: 'ok', nodes: { executed: 1 } })
    expect(begun().map((name) => name.split('.')[0])).toEqual([...names, 'scores'])
    expect(cluster.jobs()).toEqual([])
  })
}
