import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { ended, Project } from '../rig/project.ts'
import { onCluster } from '../rig/slurm.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { waitFor } from '../rig/wait-for.ts'

const PROFILE = 'partition: main\ntime: 5m\n'

/** Eight stages that each take a while, and note how often they ran. */
function eight(marks: string, seconds: number): string {
  return `version: 1
params: { n: 1 }
sweep: { axes: { n: [1, 2, 3, 4, 5, 6, 7, 8] } }
stages:
  work:
    uses: command
    with:
      run: [sh, -c, 'echo x >>${marks}/$0; sleep ${seconds}; echo $0 >answer', "w\${params.n}"]
      outputs: { answer: answer }
`
}

onCluster('a pipeline on Slurm', { nodes: 2 }, (cluster) => {
  test('has the keys and the bytes that it has on one machine; what asks models stays with the run', async () => {
    const server = await fakeOpenai(writtenBy)
    const here = new Project(smallProject(server.url))
    const there = new Project({ ...smallProject(server.url), 'cluster.yaml': PROFILE })
    expect((await here.run('pipeline.yaml')).finished).toMatchObject({ status: 'ok', nodes: { executed: 7 } })
    const planned = await there.json<{ totals: unknown }>('plan', 'pipeline.yaml')

    const run = await there.run('pipeline.yaml', '--profile', 'cluster.yaml')
    expect(run.stderr).toBe('')
    expect(run.finished).toMatchObject({ status: 'ok', nodes: { executed: 7 }, children: 0 })
    expect(readFileSync(join(there.folder, 'pipeline.lock'), 'utf8')).toBe(
      readFileSync(join(here.folder, 'pipeline.lock'), 'utf8'),
    )
    expect(run.finished.requests.sent).toBe((planned.totals as { requests: number }).requests)
    // Nobody needs to say again where it ran.
    expect((await there.run('pipeline.yaml')).finished).toMatchObject({ nodes: { executed: 0, cached: 7 } })
    expect(
      cluster.call('sacct', '--completion', '--noheader', '--parsable2', '--format=State').trim().split('\n'),
    ).toEqual(Array.from({ length: 6 }, () => 'COMPLETED'))
    expect(readdirSync(join(there.folder, '.queryloom/slurm/jobs'))).toEqual([])
  })

  test('what a stage fails with is told as it is on one machine', async () => {
    const project = new Project({
      'p.yaml': `version: 1
stages:
  bad: { uses: command, with: { run: "echo all is lost; exit 3", outputs: { a: a } } }
  huge: { uses: command, with: { run: "true", outputs: { a: a } }, resources: { gpus: 9 } }
  elsewhere: { uses: command, with: { run: "true", outputs: { a: a } } }
`,
      'cluster.yaml': 'stages: { elsewhere: { partition: nowhere } }\n',
    })
    const { status, stderr } = await project.call('run', 'p.yaml', '--profile', 'cluster.yaml')
    expect(status).toBe(1)
    expect(stderr).toContain("the command ended with exit status 3: /bin/sh -c 'echo all is lost; exit 3'")
    expect(stderr).toContain('all is lost\n')
    expect(stderr).toContain('Slurm refuses the job of huge: Requested node configuration is not available')
    expect(stderr).toContain('Slurm refuses the job of elsewhere: invalid partition specified: nowhere')
    expect(stderr).toContain('`sinfo -s` lists the partitions')
    expect(cluster.jobs()).toEqual([])
  })

  test('a profile is checked like a pipeline', async () => {
    const project = new Project({
      'p.yaml': eight('/nowhere', 1),
      'cluster.yaml': 'partion: main\ntime: 4 hours\n',
    })
    const { status, stderr } = await project.call('run', 'p.yaml', '--profile', 'cluster.yaml')
    expect(status).toBe(2)
    expect(stderr).toContain('cluster.yaml:1:1')
    expect(stderr).toContain('partition')
    expect(stderr).toContain('cluster.yaml:2:7')
    expect(await project.call('run', 'p.yaml', '--profile', 'none.yaml')).toMatchObject({ status: 2 })
  })

  describe('a run that ends early', () => {
    test('by SIGKILL while eight jobs run: the next finds them, and submits nothing again', async () => {
      const marks = temporaryFolder()
      const project = new Project({ 'p.yaml': eight(marks, 6), 'cluster.yaml': PROFILE })
      const first = project.start('run', 'p.yaml', '--profile', 'cluster.yaml')
      await waitFor(() => readdirSync(marks).length === 8)
      process.kill(-first.pid!, 'SIGKILL')
      await ended(first)
      expect(cluster.jobs()).toHaveLength(8)
      const second = await project.run('p.yaml', '--profile', 'cluster.yaml')
      expect(second.finished).toMatchObject({ status: 'ok', nodes: { executed: 8 } })
      for (const n of readdirSync(marks)) expect(readFileSync(join(marks, n), 'utf8')).toBe('x\n')
      expect(cluster.jobs()).toEqual([])
    })

    test('by Ctrl-C: its jobs end with it', async () => {
      const marks = temporaryFolder()
      const project = new Project({ 'p.yaml': eight(marks, 300), 'cluster.yaml': PROFILE })
      const run = project.start('run', 'p.yaml', '--profile', 'cluster.yaml')
      await waitFor(() => readdirSync(marks).length === 8)
      run.kill('SIGINT')
      const { status, stderr } = await ended(run)
      expect(status).toBe(130)
      expect(stderr).toContain('jobs are cancelled')
      expect(cluster.jobs()).toEqual([])
    })

    test('by Ctrl-C with --leave-jobs: they go on, and the next run has what they made', async () => {
      const marks = temporaryFolder()
      const project = new Project({ 'p.yaml': eight(marks, 3), 'cluster.yaml': PROFILE })
      const run = project.start('run', 'p.yaml', '--profile', 'cluster.yaml', '--leave-jobs')
      await waitFor(() => readdirSync(marks).length === 8)
      run.kill('SIGINT')
      const { status, stderr } = await ended(run)
      expect(status).toBe(130)
      expect(stderr).toContain('jobs are left for the next run')
      await waitFor(() => cluster.jobs().length === 0)
      const next = await project.run('p.yaml', '--profile', 'cluster.yaml')
      expect(next.finished).toMatchObject({ status: 'ok', nodes: { executed: 8 } })
      for (const n of readdirSync(marks)) expect(readFileSync(join(marks, n), 'utf8')).toBe('x\n')
    })
  })
})
