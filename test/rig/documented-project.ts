import { createHash } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { parse, stringify } from 'yaml'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { Addresses } from './documented-addresses.ts'
import { CREDENTIALS } from './s3-server.ts'
import { smallProject } from './small-project.ts'
import { temporaryFolder } from './temporary.ts'

type Map = { [name: string]: unknown }

/** How lines of a shell ended. */
export interface Followed {
  exitCode: number | undefined
  timedOut: boolean
  all: string | undefined
}

const WEIGHTS = 'weights'
/** A model that queryloom serves on a card. */
export const SERVED: Map = {
  serve: 'vllm',
  source: 'FOLDER/weights',
  sha256: createHash('sha256').update(WEIGHTS).digest('hex'),
}

/** A page of this server is looked at, and something said on it; all else that goes on is only waited for. */
const PAGE = /http:\/\/127\.0\.0\.1:\d+\/\?token=\S+/
const GOES_ON = /^\s*queryloom (?:watch|audit (?!.*--(?:export|import)))/m

/** The project that the documents speak of, small, and somebody who does there what they say. */
export class DocumentedProject {
  readonly folder: string = join(temporaryFolder(), 'project')
  readonly #addresses: Addresses
  readonly #env: { [name: string]: string }
  /** What was there before anybody read anything. */
  #own: ReadonlySet<string> = new Set()
  #lock = ''

  constructor(addresses: Addresses, environment: { readonly [name: string]: string } = {}) {
    this.#addresses = addresses
    const home = join(this.folder, '..', 'home')
    this.#env = {
      ...addresses.environment,
      PATH: `${join(this.folder, '.bin')}:${addresses.environment.PATH}`,
      HOME: home,
      XDG_CACHE_HOME: join(home, '.cache'),
      XDG_CONFIG_HOME: join(home, '.config'),
      EDITOR: 'edit',
      NO_COLOR: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      ...environment,
    }
    this.#lay(home)
  }

  /** Opens a document as somebody else: keys, settings and files of the reader before are gone; results stay. */
  open(): void {
    const lock = join(this.folder, 'pipeline.lock')
    if (this.#own.size === 0) {
      this.#own = new Set(readdirSync(this.folder))
      this.#lock = existsSync(lock) ? readFileSync(lock, 'utf8') : ''
    }
    if (this.#lock === '') rmSync(lock, { force: true })
    else writeFileSync(lock, this.#lock)
    for (const name of readdirSync(this.folder))
      if (!this.#own.has(name)) rmSync(join(this.folder, name), { recursive: true })
    rmSync(this.#env.XDG_CONFIG_HOME as string, { recursive: true, force: true })
    this.write('pipeline.yaml', stringify(pipeline(this.#addresses.model)))
  }

  write(path: string, text: string, mode = 0o644): void {
    const target = join(this.folder, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, this.#addresses.local(text))
    chmodSync(target, mode)
  }

  /** Puts sections or stages into the pipeline of the project; the model `served` is one that queryloom starts. */
  merge(sections: Map): void {
    const whole = parse(readFileSync(join(this.folder, 'pipeline.yaml'), 'utf8')) as Map
    this.write('pipeline.yaml', stringify(merged(whole, sections)))
  }

  /** Lets the models of a pipeline be one that answers at once, and whatever takes long be short. */
  shorten(path: string): void {
    const text = readFileSync(join(this.folder, path), 'utf8')
    const short = withEndpoint(text, this.#addresses.model)
      .replace(/^( {2}(?:passages|count|steps)): \d+.*/gm, '$1: 24')
      .replace(/^steps: \d+.*/gm, 'steps: 24')
      .replace(/^pool: .*/gm, 'pool: 1')
      .replace(/train_seed: \[.*\]/, 'train_seed: [1]')
      .replace(/static:random-\d+/g, 'static:random-16')
    this.write(path, short)
  }

  /** Executes lines of a shell. What goes on until Ctrl-C gets one, and its page is used before. */
  async call(text: string): Promise<Followed> {
    const subprocess = execa('bash', ['-eo', 'pipefail', '-c', text], {
      cwd: this.folder,
      env: this.#env,
      reject: false,
      all: true,
      timeout: 900_000,
      detached: true,
    })
    if (GOES_ON.test(text)) {
      let said = ''
      subprocess.all?.on('data', (chunk: Buffer) => {
        const before = said
        said += String(chunk)
        const page = PAGE.exec(said)?.[0]
        const interrupt = (): void => void process.kill(-(subprocess.pid as number), 'SIGINT')
        if (page !== undefined && !PAGE.test(before)) judge(page).then(interrupt, interrupt)
        else if (/^\d+ nodes: /m.test(said) && !/^\d+ nodes: /m.test(before)) interrupt()
      })
    }
    const { exitCode, timedOut, all } = await subprocess
    return { exitCode, timedOut, all }
  }

  #lay(home: string): void {
    const { 'pipeline.yaml': _, ...files } = smallProject(this.#addresses.model)
    files['data/queries.jsonl'] = withOtherTraining(files)
    for (const [path, text] of Object.entries(files)) {
      this.write(path, text)
      for (const place of [
        'my-corpus',
        'data/my-corpus',
        'path/to/scifact',
        'path/to/another',
        'pipelines/data/scifact',
      ])
        if (path.startsWith('data/')) this.write(path.replace('data', place), text)
    }
    // Words of each passage, and none of the queries that are measured: with these, decontamination would leave nothing.
    const passages = (files['data/corpus.jsonl'] as string).trim().split('\n')
    const others = passages.map((line) => {
      const { _id, text } = JSON.parse(line) as { _id: string; text: string }
      return JSON.stringify({ doc_id: _id, query: text.split(/\W+/).slice(2, 7).reverse().join(' ') })
    })
    this.write('others.jsonl', `${others.join('\n')}\n`)
    this.write('path/to/corpus.csv', 'id,text\na,of hats\nb,of coats\n')
    this.write('by-hand.jsonl', '')
    this.write('FOLDER/weights', WEIGHTS)
    cpSync(join(packageRoot, 'pipelines'), join(this.folder, 'pipelines'), {
      recursive: true,
      filter: (path) => !/\.(queryloom|lock)$/.test(path),
    })
    cpSync(join(packageRoot, 'pipelines/prompts'), join(this.folder, 'prompts'), { recursive: true })
    for (const path of ['quickstart/quickstart.yaml', 'scifact.yaml', 'paper/common.yaml', 'paper/small.yaml'])
      this.shorten(`pipelines/${path}`)
    this.write('pipeline.yaml', stringify(pipeline(this.#addresses.model)))
    const program = `exec "${process.execPath}" "${join(packageRoot, 'dist/engine/cli/main.js')}" "$@"`
    const vllm = `exec "${process.execPath}" "${join(packageRoot, 'test/stages/models/fake-server.mjs')}" "$@"`
    this.write('.bin/queryloom', `#!/bin/sh\n${program}\n`, 0o755)
    this.write('.bin/vllm', `#!/bin/sh\n${vllm}\n`, 0o755)
    // The other query that the README shows what it did.
    const edit = 's/query: night train dep.*/query: when does the night train leave and what does a bed cost/'
    this.write('.bin/edit', `#!/bin/sh\nsed -i "${edit}" "$1"\n`, 0o755)
    // Environment modules, and Graphviz, as far as they are called.
    this.write('.bin/module', '#!/bin/sh\ntest "$1" = load\n', 0o755)
    this.write('.bin/dot', '#!/bin/sh\ntest "$1" = -Tsvg && grep digraph\n', 0o755)
    this.write('.gitignore', '.queryloom/\nout/\n.bin/\n')
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = CREDENTIALS
    mkdirSync(join(home, '.aws'), { recursive: true })
    const credentials = `[lab]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`
    writeFileSync(join(home, '.aws/credentials'), credentials)
  }

  has(path: string): boolean {
    return existsSync(join(this.folder, path))
  }
}

/** The small pipeline with what pages ask of theirs: a number of passages, two trainings, a judge. */
function pipeline(model: string): Map {
  const whole = parse(smallProject(model)['pipeline.yaml'] as string) as Map
  return merged(whole, {
    params: { passages: 24, train_seed: 1 },
    datasets: { mine: { source: 'data' } },
    models: { judge: { endpoint: model, model: 'judging-model' } },
    stages: {
      passages: { with: { fraction: undefined, count: '${params.passages}' } },
      retriever: { with: { seed: '${params.train_seed}' } },
    },
    sweep: { replicates: { train_seed: [1, 2] } },
  })
}

/** The queries of a collection, those to train on in words of their own: else decontamination would leave nothing of them. */
function withOtherTraining(files: { readonly [path: string]: string }): string {
  const train = new Set((files['data/qrels/train.tsv'] as string).split('\n').map((line) => line.split('\t', 1)[0]))
  const lines = (files['data/queries.jsonl'] as string).trim().split('\n')
  const others = lines.map((line) => {
    const query = JSON.parse(line) as { _id: string; text: string }
    const [, subject = ''] = query.text.split(' ')
    return train.has(query._id)
      ? JSON.stringify({ ...query, text: `visitors of ${subject} ${query._id.slice(1)}` })
      : line
  })
  return `${others.join('\n')}\n`
}

/** A map with the members of another over its own; undefined takes one out. A stage or a model that is told whole is taken whole. */
function merged(whole: Map, over: Map): Map {
  const all: Map = { ...whole }
  for (const [name, value] of Object.entries(over)) {
    const there = all[name]
    const anew = isMap(value) && ('uses' in value || 'serve' in value || 'endpoint' in value)
    all[name] = isMap(there) && isMap(value) && !anew ? merged(there, value) : value
    if (value === undefined) delete all[name]
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function isMap(value: unknown): value is Map {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A pipeline whose models all are one behind an endpoint. */
function withEndpoint(text: string, url: string): string {
  const [, head = '', models = '', tail = ''] = /^([\s\S]*^models:\n)((?: {2,}.*\n|\n)*)([\s\S]*)$/m.exec(text) ?? []
  const names = [...models.matchAll(/^ {2}([\w-]+):/gm)].map((match) => match[1])
  return names.length === 0
    ? text
    : `${head}${names.map((name) => `  ${name}: { endpoint: "${url}", model: small }\n`).join('')}\n${tail}`
}

/** Opens the page of an audit in the way its own script does, and judges one pair. */
async function judge(page: string): Promise<void> {
  const { origin, searchParams } = new URL(page)
  const headers = { authorization: `Bearer ${searchParams.get('token')}`, 'content-type': 'application/json' }
  await (await fetch(page)).text()
  const [item] = (await (await fetch(`${origin}/api/items`, { headers })).json()) as { pair: string; grades: unknown }[]
  for (const said of [['relevant'], ['2']]) {
    const body = JSON.stringify({ pair: item?.pair, said })
    await fetch(`${origin}/api/label`, { method: 'POST', headers, body })
  }
}
