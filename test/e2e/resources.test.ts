import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FakeCard, fakeNvidiaSmi } from '../rig/nvidia-smi.ts'
import { ended, Project } from '../rig/project.ts'
import { smallPipeline, smallProject } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { fileText } from '../rig/wait-for.ts'

interface Stage {
  run: string
  resources?: string
  more?: string
  needs?: string[]
}

/** Stages of type `command`, each with its output `o`; `$T` in a command is a folder that outlives it. */
function commands(stages: { readonly [name: string]: Stage }, top = ''): (folder: string) => string {
  return (folder) => {
    const lines = Object.entries(stages).map(([name, { run, resources = '{}', more = '', needs = [] }]) => {
      const inputs = needs.map((need) => `${need}: "\${stages.${need}.o}"`).join(', ')
      // Equal commands would be one piece of work.
      const command = JSON.stringify(`: ${name}; ${run.replaceAll('$T', folder)}`)
      return `  ${name}: { uses: command, ${more} resources: ${resources}, with: { run: ${command}, inputs: { ${inputs} }, outputs: { o: o } } }`
    })
    return `version: 1\n${top}stages:\n${lines.join('\n')}\n`
  }
}

/** A project on a machine with these cards, and with a tools cache of its own. */
function onMachine(
  cards: readonly FakeCard[],
  pipeline: (folder: string) => string,
  environment: { [name: string]: string } = {},
): Project & { smi: ReturnType<typeof fakeNvidiaSmi> } {
  const smi = fakeNvidiaSmi(cards)
  const made = new Project({}, { PATH: smi.path, XDG_CACHE_HOME: temporaryFolder(), ...environment })
  made.write('p.yaml', pipeline(made.folder))
  return Object.assign(made, { smi })
}

const outputOf = (made: Project, node: string): string =>
  readFileSync(join(made.folder, 'out/p', node, 'o/o'), 'utf8').trim()

/** Fails if another command is between the same two lines. */
const alone = (what: string): string => `mkdir $T/${what} || exit 9; sleep 0.1; rmdir $T/${what}; echo > o`

test('a request that the machine can never meet is refused before anything runs, where it is made', async () => {
  const made = onMachine(
    [{ uuid: 'GPU-a', total: 24576 }],
    commands({
      prepare: { run: 'echo > o' },
      two: { run: 'echo > o', resources: '{ gpus: 2 }', needs: ['prepare'] },
      large: { run: 'echo > o', resources: '{ gpus: { count: 1, memory: 40GiB } }' },
      fat: { run: 'echo > o', resources: '{ memory: 900TiB }' },
      wide: { run: 'echo > o', resources: '{ cpus: 5000 }' },
    }),
  )
  const { status, stderr, stdout } = await made.call('run', 'p.yaml', '--json')
  expect(status).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('error  this needs 2 graphics cards, and there is 0: NVIDIA Test 80GB, 24 GiB')
  expect(stderr).toContain(
    'this needs 1 graphics card with 40 GiB free on each, and there is 0: NVIDIA Test 80GB, 24 GiB',
  )
  expect(stderr).toContain('this needs 900 TiB of memory, and there is')
  expect(stderr).not.toContain('5000 CPU')
  expect(existsSync(join(made.folder, '.queryloom/runs'))).toBe(false)
  expect((await made.call('plan', 'p.yaml')).status).toBe(0)
})

test('without cards a stage that asks for one is refused with what was found; what is up to date asks for nothing', async () => {
  const one = commands({ train: { run: 'echo > o', resources: '{ gpus: 1 }' } })
  const made = onMachine([{ uuid: 'GPU-a' }], one)
  expect((await made.run('p.yaml')).executed).toEqual(['train'])
  made.smi.set([])
  expect((await made.run('p.yaml')).restored).toEqual(['train'])
  const fresh = onMachine([], one)
  const { status, stderr } = await fresh.call('run', 'p.yaml')
  expect(status).toBe(2)
  expect(stderr).toContain('this needs 1 graphics card, and there is none: nvidia-smi lists no cards')
})

test('training that asks for CUDA is refused before anything runs where there is none, saying what was found', async () => {
  const made = onMachine(
    [],
    () => `version: 1
datasets: { d: { source: data } }
stages:
  first: { uses: command, with: { run: "echo > o", outputs: { o: o } } }
  model:
    uses: train
    with: { base: "random:2x64", device: cuda, budget: { steps: 0 }, tokenizer: { corpus: "\${datasets.d}" } }
`,
  )
  made.write('data/corpus.jsonl', '{"_id": "1", "text": "one"}\n')
  made.write('data/queries.jsonl', '')
  const { status, stderr } = await made.call('run', 'p.yaml')
  expect(status).toBe(2)
  expect(stderr).toContain('this needs CUDA, and there is none: nvidia-smi lists no cards')
  expect(stderr).toContain('p.yaml:7:42')
  expect(existsSync(join(made.folder, '.queryloom/runs'))).toBe(false)
})

test('each node sees its own cards, with `gpus: 0` none, and without a word what queryloom sees', async () => {
  const show = 'printf %s "$${CUDA_VISIBLE_DEVICES-unset}" > o'
  const stages: { [name: string]: Stage } = {
    none: { run: show, resources: '{ gpus: 0 }' },
    silent: { run: show },
    both: { run: show, resources: '{ gpus: 2 }' },
  }
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    stages[name] = {
      run: `${show}; ${alone('$CUDA_VISIBLE_DEVICES').replace('; echo > o', '')}`,
      resources: '{ gpus: 1 }',
    }
  const cards = [{ uuid: 'GPU-a' }, { uuid: 'GPU-b' }, { uuid: 'GPU-hidden' }]
  const made = onMachine(cards, commands(stages), { CUDA_VISIBLE_DEVICES: '1,GPU-a' })
  const { finished } = await made.run('p.yaml', '-j', '8')
  expect(finished.nodes).toMatchObject({ executed: 8, failed: 0 })
  expect(outputOf(made, 'none')).toBe('')
  expect(outputOf(made, 'silent')).toBe('1,GPU-a')
  expect(outputOf(made, 'both').split(',').sort()).toEqual(['GPU-a', 'GPU-b'])
  for (const name of ['a', 'b', 'c', 'd', 'e']) expect(['GPU-a', 'GPU-b']).toContain(outputOf(made, name))
})

test('a card is lent again only when nothing lives of the command that had it', async () => {
  const leave = `setsid -f sh -c 'trap "" TERM; echo $$ > "$0"; sleep 300; sleep 300' $T/pid; while [ ! -s $T/pid ]; do sleep 0.02; done; echo > o`
  const made = onMachine(
    [{ uuid: 'GPU-a' }],
    commands({
      first: { run: leave, resources: '{ gpus: 1 }' },
      second: {
        run: '[ -e /proc/$(cat $T/pid)/exe ] && exit 9; echo > o',
        resources: '{ gpus: 1 }',
        more: 'after: [first],',
      },
    }),
  )
  expect((await made.run('p.yaml')).executed).toEqual(['first', 'second'])
})

test('a card that somebody else computes on is waited for, and the wait is told', async () => {
  const made = onMachine(
    [{ uuid: 'GPU-a', pids: [4711] }],
    commands({ train: { run: 'echo > o', resources: '{ gpus: 1 }' } }),
  )
  const child = made.start('run', 'p.yaml', '--plain')
  child.stderr?.on('data', (text: string) => {
    if (text.includes('train waits: GPU-a is used by process 4711')) made.smi.set([{ uuid: 'GPU-a' }])
  })
  const { status, stderr } = await ended(child)
  expect(status).toBe(0)
  expect(stderr).toContain('train waits: GPU-a is used by process 4711')
})

test('two engines never use one card at once, and one that was killed lets go of it', async () => {
  const hold = { run: 'echo > $T/running; sleep 300; echo > o', resources: '{ gpus: 1 }' }
  const first = onMachine([{ uuid: 'GPU-a' }], commands({ hold }))
  const child = first.start('run', 'p.yaml')
  const firstEnd = ended(child)
  await fileText(join(first.folder, 'running'))
  const second = new Project({}, first.environment)
  second.write(
    'p.yaml',
    commands({ train: { run: 'printf $CUDA_VISIBLE_DEVICES > o', resources: '{ gpus: 1 }' } })(second.folder),
  )
  const other = second.start('run', 'p.yaml', '--plain')
  other.stderr?.on('data', (text: string) => {
    if (text.includes(`train waits: GPU-a is held by queryloom, process ${child.pid}`)) child.kill('SIGKILL')
  })
  const { status, stderr } = await ended(other)
  expect(status).toBe(0)
  expect(stderr).toContain('train waits')
  expect(outputOf(second, 'train')).toBe('GPU-a')
  expect((await firstEnd).status).toBeNull()
})

test('pools and memory bound what runs at once, whatever -j says', async () => {
  const half = `{ memory: ${Math.round(totalmem() * 0.6)} }`
  const made = onMachine(
    [],
    commands(
      {
        a: { run: alone('pool'), resources: '{ pools: { api: 2 } }' },
        b: { run: alone('pool'), resources: '{ pools: { api: "${params.use}" } }' },
        c: { run: alone('memory'), resources: half },
        d: { run: alone('memory'), resources: half },
      },
      'params: { use: 2, size: 3 }\npools: { api: "${params.size}" }\n',
    ),
  )
  expect((await made.run('p.yaml', '-j', '8')).finished.nodes).toMatchObject({ executed: 4, failed: 0 })
})

test('explain tells what a node holds while it runs', async () => {
  const resources = '{ cpus: 2, memory: 8GiB, gpus: { count: 1, memory: 40GiB }, pools: { api: 1 } }'
  const made = onMachine([], commands({ a: { run: 'echo > o', resources } }, 'pools: { api: 4 }\n'))
  const { stdout } = await made.call('explain', 'p.yaml', 'a')
  const told = stdout.split('\n').map((line) => line.trim().replace(/ {2,}/g, ' '))
  expect(told).toEqual(
    expect.arrayContaining(['cpus 2', 'memory 8 GiB', 'gpus 1, with 40 GiB free on each', 'pool api 1']),
  )
  const [json] = await made.json<{ resources: object }[]>('explain', 'p.yaml', 'a')
  expect(json?.resources).toMatchObject({
    cpus: 2,
    memory: 8 * 2 ** 30,
    gpus: 1,
    gpuMemory: 40 * 2 ** 30,
    pools: { api: 1 },
  })
})

/** Stands in for llama-server: answers every prompt alike, and notes which cards it sees. */
const SERVER = `#!${process.execPath}
const { appendFileSync } = require('node:fs')
const flag = (name) => process.argv[process.argv.indexOf(name) + 1]
appendFileSync('NOTES', 'serve ' + process.env.CUDA_VISIBLE_DEVICES + '\\n')
process.on('SIGTERM', () => { appendFileSync('NOTES', 'stop\\n'); process.exit() })
require('node:http').createServer((request, response) => {
  if (request.url !== '/v1/completions') return response.end('{"status":"ok"}')
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices: [{ index: 0, text: ' which harbour opens before dawn', finish_reason: 'stop' }] }))
}).listen(Number(flag('--port')), flag('--host'))
`

test('an idle server on the only card gives way to a node that needs it, and is started again for the next', async () => {
  const digest = createHash('sha256').update('weights').digest('hex')
  const block = `writer: { serve: llama.cpp, source: model.gguf, sha256: ${digest}, binary: ./serve.cjs, slots: 2, gpus: 1 }`
  const generate = (seed: number): string => `uses: generate
    with:
      passages: \${stages.passages.passages}
      model: \${models.writer}
      prompt: prompt.yaml
      decoding: { max_tokens: 24 }
      seed: ${seed}`
  const made = onMachine([{ uuid: 'GPU-a' }], (folder) => {
    const [head = ''] = smallPipeline('unused')
      .replace(/writer: .*/, block)
      .split('  queries:')
    return `${head}  one:
    ${generate(1)}
  train:
    uses: command
    after: [one]
    resources: { gpus: 1 }
    with: { run: "echo train $CUDA_VISIBLE_DEVICES >> ${folder}/NOTES; echo > o", outputs: { o: o } }
  two:
    after: [train]
    ${generate(2)}
`
  })
  for (const [path, text] of Object.entries(smallProject('unused', 8)))
    if (path !== 'pipeline.yaml') made.write(path, text)
  made.write('model.gguf', 'weights')
  made.write('serve.cjs', SERVER.replaceAll('NOTES', join(made.folder, 'NOTES')))
  chmodSync(join(made.folder, 'serve.cjs'), 0o755)
  mkdirSync(join(made.folder, 'out'), { recursive: true })
  const { finished, stderr } = await made.run('p.yaml')
  expect(stderr).toBe('')
  expect(finished.nodes).toMatchObject({ executed: 4, failed: 0 })
  expect(readFileSync(join(made.folder, 'NOTES'), 'utf8').trim().split('\n')).toEqual([
    'serve GPU-a',
    'stop',
    'train GPU-a',
    'serve GPU-a',
    'stop',
  ])
  made.smi.set([])
  made.write('prompt.yaml', 'mode: completion\nuser: "Say {{passage}}:"\nstop: ["\\n"]\n')
  const refused = await made.call('run', 'p.yaml')
  expect(refused.status).toBe(2)
  expect(refused.stderr).toMatch(/p\.yaml:\d+:\d+ {2}error {2}this needs 1 graphics card, and there is none/)
  expect(refused.stderr).toContain('slots: 2, gpus: 1 }')
})
