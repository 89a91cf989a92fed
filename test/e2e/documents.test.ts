import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { packageRoot } from '../../engine/util/package-root.ts'
import { blocksOf, documents } from '../docs/blocks.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../rig/fake-openai.ts'
import { smallProject } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

/** A pipeline whose models all are one behind an endpoint. */
function withEndpoint(text: string, url: string): string {
  const [, head = '', models = '', tail = ''] = /^([\s\S]*^models:\n)((?: {2,}.*\n|\n)*)([\s\S]*)$/m.exec(text) ?? []
  const names = [...models.matchAll(/^ {2}(\w+):/gm)].map((match) => match[1])
  expect(names).not.toEqual([])
  return `${head}${names.map((name) => `  ${name}: { endpoint: "${url}", model: small }\n`).join('')}\n${tail}`
}

/** The project that the documents speak of, small: its language model is a server that answers at once. */
function project(url: string): { folder: string; env: { [name: string]: string } } {
  const folder = join(temporaryFolder(), 'project')
  const write = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
    chmodSync(join(folder, path), mode)
  }
  const { 'pipeline.yaml': pipeline, ...files } = smallProject(url)
  for (const [path, text] of Object.entries(files)) {
    write(path, text)
    for (const place of ['my-corpus', 'path/to/scifact', 'pipelines/data/scifact'])
      if (path.startsWith('data/')) write(path.replace('data', place), text)
  }
  write('pipeline.yaml', pipeline as string)
  cpSync(join(packageRoot, 'pipelines'), join(folder, 'pipelines'), {
    recursive: true,
    filter: (path) => !/\.(queryloom|lock)$/.test(path),
  })
  for (const path of ['pipelines/quickstart/quickstart.yaml', 'pipelines/scifact.yaml']) {
    const text = withEndpoint(readFileSync(join(packageRoot, path), 'utf8'), url)
      .replace(/^( {2}(?:passages|count|steps)): \d+.*/gm, '$1: 24')
      .replace(/train_seed: \[.*\]/, 'train_seed: [1]')
      .replace(/static:random-\d+/g, 'static:random-16')
    write(path, text)
  }
  const program = `exec "${process.execPath}" "${join(packageRoot, 'dist/engine/cli/main.js')}" "$@"`
  const bin = join(folder, '.bin')
  write('.bin/queryloom', `#!/bin/sh\n${program}\n`, 0o755)
  write('.bin/npx', '#!/bin/sh\nexec "$@"\n', 0o755)
  // The scripts are other tests, or are run by them.
  write('.bin/npm', '#!/bin/sh\nexit 0\n', 0o755)
  write('.bin/edit', '#!/bin/sh\nsed -i "s/night train/sleeper train/" "$1"\n', 0o755)
  write('FOLDER/weights', 'x')
  write('.gitignore', '.queryloom/\nout/\n.bin/\n')
  const home = join(folder, '..', 'home')
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: home,
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_CONFIG_HOME: join(home, '.config'),
    EDITOR: 'edit',
    NO_COLOR: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
  }
  return { folder, env }
}

/** A query that passes the filters: words of the passage, not in its order. */
function query({ text, body }: SeenRequest): Reaction {
  const passage = text.split(/Document:|Passage:/).at(-1) ?? ''
  const words = passage.split(/\W+/).filter((word) => word.length > 3)
  const from = Number(body.seed ?? 0) % 3
  return { answer: ` ${[5, 1, 7, 3].map((at) => words[from + at] ?? 'word').join(' ')}` }
}

test('every command that a document shows does what it says', { timeout: 900_000 }, async () => {
  const server = await fakeOpenai(query)
  const { folder, env } = project(server.url)
  const run = (text: string) =>
    execa('bash', ['-eo', 'pipefail', '-c', text], { cwd: folder, env, reject: false, all: true, timeout: 300_000 })
  const commit = 'git -c user.name=a -c user.email=a@b commit -q --allow-empty'
  const before =
    await run(`git init -q && queryloom run pipelines/quickstart/quickstart.yaml && queryloom run pipeline.yaml
    git add -A && ${commit} -m first && ${commit} -m second`)
  expect(before.exitCode, before.all).toBe(0)
  // What `init` writes asks a model that would have to be fetched.
  const first = join(folder, 'first.yaml')
  let reading = ''
  for (const { document, place, language, note, text } of documents().flatMap(blocksOf)) {
    // That of the commands has an example of each; their calls are parsed.
    if (language !== 'sh' || note !== '' || document === 'docs/cli.md') continue
    // Whoever reads another document is somebody else, with keys of their own.
    if (document !== reading) await run('rm -rf "$XDG_CONFIG_HOME"')
    reading = document
    const { exitCode, timedOut, all } = await run(text)
    expect({ exitCode, timedOut }, `${place}\n${text}\n${all}`).toEqual({ exitCode: 0, timedOut: false })
    if (existsSync(first)) writeFileSync(first, withEndpoint(readFileSync(first, 'utf8'), server.url))
  }
})
