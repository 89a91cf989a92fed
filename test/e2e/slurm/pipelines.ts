import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fakeOpenai } from '../../rig/fake-openai.ts'
import { ended, Project } from '../../rig/project.ts'
import type { Cluster } from '../../rig/slurm.ts'
import { smallProject, writtenBy } from '../../rig/small-project.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { waitFor } from '../../rig/wait-for.ts'

/** The small project, with a model as a judge among the steps of its filter. */
function judgedProject(endpoint: string): { [path: string]: string } {
  const files = smallProject(endpoint)
  const step = '        - judge: { model: "${models.writer}", prompt: judge.yaml, at_least: 2 }\n'
  return {
    ...files,
    'pipeline.yaml': files['pipeline.yaml']!.replace(/^ +- round_trip.*\n/m, (line) => line + step),
    'judge.yaml':
      '{ mode: completion, variables: [query], user: "{{query}} {{text}} Grade:", parse: { scale: [0, 1, 2, 3] } }\n',
  }
}

/** Eight stages that each note how often they ran, and go on until a file is there. */
function eight(marks: string, gate: string): string {
  return `version: 1
params: { n: 1 }
sweep: { axes: { n: [1, 2, 3, 4, 5, 6, 7, 8] } }
stages:
  work:
    uses: command
    with:
      run: [sh, -c, 'echo x >>${marks}/$0; until [ -e ${gate} ]; do sleep 0.1; done; echo $0 >answer', "w\${params.n}"]
      outputs: { answer: answer }
`
}

/** Tests of whole pipelines on a cluster with the profile. */
export function pipelinesOnSlurm(cluster: Cluster, profile: string): void {
  test('has the keys and the bytes that it has on one machine; what asks models stays with the run', async () => {
    const server = await fakeOpenai((request) =>
      request.text.endsWith('Grade:') ? { answer: String(1 + (request.text.length % 3)) } : writtenBy(request),
    )
    const here = new Project(judgedProject(server.url))
    const there = new Project({ ...judgedProject(server.url), 'cluster.yaml': profile })
    // What waits for its time to pass meanwhile is elsewhere.
    const completed = (): string[] =>
      cluster
        .call('sacct', '--completion', '--noheader', '--parsable2', '--format=Partition,State')
        .split('\n')
        .filter((line) => line.startsWith('main|'))
    const before = completed().length
    const local = await here.run('pipeline.yaml')
    expect(local.finished).toMatchObject({ status: 'ok', nodes: { executed: 7 } })

    const run = await there.run('pipeline.yaml', '--profile', 'cluster.yaml')
    expect(run.stderr).toBe('')
    expect(run.finished).toMatchObject({ status: 'ok', nodes: { executed: 7 }, children: 0 })
    expect(readFileSync(join(there.folder, 'pipeline.lock'), 'utf8')).toBe(
      readFileSync(join(here.folder, 'pipeline.lock'), 'utf8'),
    )
    expect(run.finished.requests).toEqual(local.finished.requests)
    // Nobody needs to say again where it ran.
    expect((await there.run('pipeline.yaml')).finished).toMatchObject({ nodes: { executed: 0, cached: 7 } })
    expect(completed().slice(before)).toEqual(Array.from({ length: 6 }, () => 'main|COMPLETED'))
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

  test('memory that was not enough is asked for again, with more; what is passed on is in no log and no file', async () => {
    const project = new Project(
      {
        'p.yaml': `version: 1
stages:
  hungry:
    uses: command
    with:
      run: 'node -e "const kept = Buffer.alloc(2e8, 1); setTimeout(() => {}, 2000)"; echo "$SECRET" | tee answer'
      outputs: { answer: answer }
    resources: { memory: 150MB }
    retry: { attempts: 2, backoff: 100ms, memory: 4 }
    pass_env: [SECRET]
`,
        'cluster.yaml': profile,
      },
      { SECRET: 'correct-horse-battery' },
    )
    const run = await project.run('p.yaml', '--profile', 'cluster.yaml')
    expect(run.finished).toMatchObject({ status: 'ok', nodes: { executed: 1 } })
    const retried = run.events.find(({ type }) => type === 'node-retried')
    expect(retried).toMatchObject({
      failure: { message: 'the job of hungry took more memory than the 143.1 MiB that it asked for' },
    })
    expect(readFileSync(join(project.folder, 'out/p/hungry/answer/answer'), 'utf8')).toBe('correct-horse-battery\n')
    const written = readdirSync(join(project.folder, '.queryloom'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/blobs'))
      .filter((entry) => readFileSync(join(entry.parentPath, entry.name)).includes('correct-horse'))
    expect(written.map(({ name }) => name).filter((name) => name !== 'answer')).toEqual([])
  })

  test('a profile is checked like a pipeline', async () => {
    const project = new Project({
      'p.yaml': eight('/nowhere', '/'),
      'cluster.yaml': 'partion: main\ntime: 4 hours\n',
    })
    const { status, stderr } = await project.call('run', 'p.yaml', '--profile', 'cluster.yaml')
    expect(status).toBe(2)
    expect(stderr).toContain('cluster.yaml:1:1')
    expect(stderr).toContain('partition')
    expect(stderr).toContain('cluster.yaml:2:7')
    expect(await project.call('run', 'p.yaml', '--profile', 'none.yaml')).toMatchObject({ status: 2 })
    // What is asked of a cluster for a stage that stays here is told to be in vain.
    project.write('cluster.yaml', 'shards: 4\nstages: { work: { executor: local, shards: 9 } }\n')
    const local = await project.call('run', 'p.yaml', '--only', 'n=1', '--profile', 'cluster.yaml')
    expect(local.stderr).toContain('`shards` is not used: the stage runs on this machine (`executor: local`)')
  })

  describe('a run that ends early', () => {
    test('by SIGKILL while eight jobs run: the next finds them, and submits nothing again', async () => {
      const marks = temporaryFolder()
      const gate = join(temporaryFolder(), 'go')
      const project = new Project({ 'p.yaml': eight(marks, gate), 'cluster.yaml': profile })
      const first = project.start('run', 'p.yaml', '--profile', 'cluster.yaml')
      await waitFor(() => readdirSync(marks).length === 8)
      process.kill(-first.pid!, 'SIGKILL')
      await ended(first)
      expect(cluster.jobs()).toHaveLength(8)
      const second = project.start('run', 'p.yaml', '--json', '--profile', 'cluster.yaml')
      let said = ''
      second.stdout?.on('data', (text) => {
        said += text
      })
      const end = ended(second)
      await waitFor(() => said.split('"node-started"').length > 8)
      writeFileSync(gate, '')
      expect((await end).status).toBe(0)
      expect(JSON.parse(said.trim().split('\n').at(-1)!)).toMatchObject({ status: 'ok', nodes: { executed: 8 } })
      for (const n of readdirSync(marks)) expect(readFileSync(join(marks, n), 'utf8')).toBe('x\n')
      expect(cluster.jobs()).toEqual([])
    })

    test('by Ctrl-C: its jobs end with it', async () => {
      const marks = temporaryFolder()
      const project = new Project({ 'p.yaml': eight(marks, join(marks, 'never/go')), 'cluster.yaml': profile })
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
      const gate = join(temporaryFolder(), 'go')
      const project = new Project({ 'p.yaml': eight(marks, gate), 'cluster.yaml': profile })
      const run = project.start('run', 'p.yaml', '--profile', 'cluster.yaml', '--leave-jobs')
      await waitFor(() => readdirSync(marks).length === 8)
      run.kill('SIGINT')
      const { status, stderr } = await ended(run)
      expect(status).toBe(130)
      expect(stderr).toContain('jobs are left for the next run')
      expect(cluster.jobs()).toHaveLength(8)
      writeFileSync(gate, '')
      await waitFor(() => cluster.jobs().length === 0)
      const next = await project.run('p.yaml', '--profile', 'cluster.yaml')
      expect(next.finished).toMatchObject({ status: 'ok', nodes: { executed: 8 } })
      for (const n of readdirSync(marks)) expect(readFileSync(join(marks, n), 'utf8')).toBe('x\n')
    })
  })
}
