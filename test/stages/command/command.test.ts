import { appendFileSync, chmodSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { Children } from '../../../engine/run/children.ts'
import { localProcesses } from '../../../engine/run/local-processes.ts'
import { command } from '../../../stages/command/stage.ts'
import type { Json, ProcessRequest, ProcessResult, ProcessRunner, StageInput } from '../../../stages/define.ts'
import {
  artifactFrom,
  artifactInput,
  checkedOptions,
  datasetInput,
  runStage,
  type StageResult,
  sourceFile,
  writeFiles,
} from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

/** The engine's own processes; `afterwards` is called when one has ended. */
function processes(afterwards: () => void = () => {}): ProcessRunner {
  const folder = temporaryFolder()
  const local = localProcesses({ temporary: folder, children: new Children(folder, 'test') })
  return {
    start: () => {
      throw new Error('not used by this stage')
    },
    async run(request: ProcessRequest): Promise<ProcessResult> {
      const result = await (await local).run(request)
      afterwards()
      return result
    },
  }
}

async function run(
  run: string | string[],
  outputs: { [name: string]: Json },
  inputs: { [name: string]: StageInput } = {},
  afterwards?: () => void,
): Promise<StageResult> {
  const declared = Object.fromEntries(Object.keys(inputs).map((name) => [name, { $input: `inputs/${name}` }]))
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [
      `inputs/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      input,
    ]),
  )
  return runStage(command, { run, inputs: declared, outputs }, given, { processes: processes(afterwards) })
}

/** A file outside of the store as an input. */
function file(text: string, executable = false): { input: StageInput; location: string } {
  const location = path.join(writeFiles({ 'words.txt': text }), 'words.txt')
  if (executable) chmodSync(location, 0o755)
  return {
    input: { type: 'path', path: location, folder: false, files: [{ path: '', executable, ...sourceFile(location) }] },
    location,
  }
}

/** A folder outside of the store as an input. */
function folder(files: { [name: string]: string }): StageInput {
  const root = writeFiles(files)
  return {
    type: 'path',
    path: root,
    folder: true,
    files: Object.keys(files).map((name) => ({ path: name, executable: false, ...sourceFile(path.join(root, name)) })),
  }
}

describe('command', () => {
  it('runs a line of shell or an argument list on its inputs, and keeps the declared output only', async () => {
    const line = await run('sort in > out.txt; echo scrap > scrap', { sorted: 'out.txt' }, { in: file('b\na\n').input })
    expect(line.files('sorted')).toEqual(['out.txt'])
    expect(line.text('sorted', 'out.txt')).toBe('a\nb\n')
    expect(line.summary.counts).toEqual({ files: 1, bytes: 4 })
    const list = await run(['sort', '-o', 'sub dir.txt', 'in'], { sorted: 'sub dir.txt' }, { in: file('b\na\n').input })
    expect(list.text('sorted', 'sub dir.txt')).toBe('a\nb\n')
  })

  it('sees nothing but its declared inputs', async () => {
    const result = await run(
      'files=$(find . -type f | LC_ALL=C sort); echo "$files" > list.txt',
      { list: 'list.txt' },
      {
        one: file('1').input,
        'deep/two': file('2').input,
        globbed: folder({ 'a.txt': 'a', 'b/c.txt': 'c' }),
        pairs: artifactInput('pairs', { 'pairs.jsonl': 'x', 'passages.jsonl': 'y' }),
        made: artifactInput('file', { 'whatever.txt': 'z' }),
        toy: datasetInput({ corpus: '{"_id":"1","text":"x"}\n' }),
        test: datasetInput({ queries: 'q', qrels: 'r', split: 'test' }),
      },
    )
    expect(result.text('list', 'list.txt').split('\n').filter(Boolean)).toEqual([
      './deep/two',
      './globbed/a.txt',
      './globbed/b/c.txt',
      './made',
      './one',
      './pairs/pairs.jsonl',
      './pairs/passages.jsonl',
      './test/qrels/test.tsv',
      './test/queries.jsonl',
      './toy/corpus.jsonl',
    ])
  })

  it('hands on a file output under the name that the next stage gives it', async () => {
    const first = await run('echo hello > greeting.txt', { made: 'greeting.txt' })
    const next = await run('tr a-z A-Z < in > out', { loud: 'out' }, { in: artifactFrom('file', first.folder('made')) })
    expect(next.text('loud', 'out')).toBe('HELLO\n')
  })

  it('keeps folders with what is in them, links to files as copies', async () => {
    const result = await run(
      'mkdir -p res/sub && echo 1 > res/a && echo 2 > res/sub/b && ln -s ../in res/link && chmod +x res/a',
      { res: 'res/' },
      { in: file('linked').input },
    )
    expect(result.files('res')).toEqual(['a', 'link', 'sub/b'])
    expect(result.text('res', 'link')).toBe('linked')
  })

  it('runs programs that are inputs, and lets them change their copies without touching the originals', async () => {
    const script = file('#!/bin/sh\necho changed >> data\ncat data > out\n', true)
    const data = file('original\n')
    const stored = artifactInput('file', { 'data.txt': 'stored\n' })
    const result = await run(
      './go && echo more >> stored && cat stored >> out',
      { out: 'out' },
      {
        go: script.input,
        data: data.input,
        stored,
      },
    )
    expect(result.text('out', 'out')).toBe('original\nchanged\nstored\nmore\n')
    expect(readFileSync(data.location, 'utf8')).toBe('original\n')
    if (stored.type === 'artifact') expect(readFileSync(stored.files[0]?.location ?? '', 'utf8')).toBe('stored\n')
  })

  it('says which output is missing and what is there instead, with the end of the log', async () => {
    await expect(run('echo did nothing; touch other', { sorted: 'out.txt' })).rejects.toMatchObject({
      name: 'StageError',
      message: 'the command did not write its output `sorted` (out.txt)',
      advice: 'It left other.',
      tail: 'did nothing',
    })
  })

  it('says when an output is of another type than declared', async () => {
    await expect(run('mkdir out', { out: 'out' })).rejects.toThrow(
      'output `out` (out) is declared as a file, but the command left a folder',
    )
    await expect(run('touch out', { out: { path: 'out', type: 'folder' } })).rejects.toThrow(
      'output `out` (out) is declared as a folder, but the command left a file',
    )
    await expect(run('mkdir out; mkfifo out/pipe', { out: 'out/' })).rejects.toThrow(
      'output `out` holds something that is not a plain file: pipe',
    )
  })

  it('fails with the exit status or signal and the end of the log', async () => {
    await expect(run('echo working; echo broken >&2; exit 3', { out: 'out' })).rejects.toMatchObject({
      name: 'StageError',
      message: "the command ended with exit status 3: /bin/sh -c 'echo working; echo broken >&2; exit 3'",
      tail: 'working\nbroken',
    })
    await expect(run('kill -9 $$', { out: 'out' })).rejects.toThrow('the command was ended by SIGKILL')
  })

  it('uses the result for nothing if an input that it was linked to changed while the command ran', async () => {
    const input = file('x'.repeat(17 * 1024 * 1024))
    await expect(
      run('wc -c < in > out', { out: 'out' }, { in: input.input }, () => appendFileSync(input.location, ' and after')),
    ).rejects.toMatchObject({
      name: 'StageError',
      message: 'an input changed while it was used',
      where: input.location,
    })
  })

  it('takes no offence at an input that was touched, but not changed', async () => {
    const input = file('x'.repeat(17 * 1024 * 1024))
    const result = await run('head -c 4 in > out', { out: 'out' }, { in: input.input }, () =>
      utimesSync(input.location, 1, 1),
    )
    expect(result.text('out', 'out')).toBe('xxxx')
  })

  it('refuses an input that changed since it was planned', async () => {
    const input = file('planned')
    writeFileSync(input.location, 'edited!')
    await expect(run('cat in > out', { out: 'out' }, { in: input.input })).rejects.toThrow('an input changed')
  })

  it('finds a list over variants as a folder with an entry for each, by its label', async () => {
    const long = `b=${'x'.repeat(300)}`
    const runs = {
      'inputs/runs/a=1,b=x~1y': artifactInput('folder', { 'scores.txt': 'one\n' }),
      'inputs/runs/a=2,b=~0': artifactInput('folder', { 'scores.txt': 'two\n' }),
      [`inputs/runs/${long}`]: artifactInput('file', { 'any.txt': 'three\n' }),
    }
    const result = await runStage(
      command,
      {
        run: 'ls runs > names; cat runs/*/scores.txt > all',
        inputs: { runs: { $input: 'inputs/runs' } },
        outputs: { names: 'names', all: 'all' },
      },
      runs,
      { processes: processes() },
    )
    const [first, second, third, ...more] = result.text('names', 'names').trim().split('\n')
    expect([first, second, more]).toEqual(['a=1,b=x%2Fy', 'a=2,b=~', []])
    expect(third).toMatch(/^b=x{38}-[0-9a-f]{32}$/)
    expect(result.text('all', 'all')).toBe('one\ntwo\n')
  })

  it('links large inputs instead of copying them', async () => {
    const large = file('x'.repeat(17 * 1024 * 1024))
    const result = await run('test -L in && wc -c < in > out', { out: 'out' }, { in: large.input })
    expect(result.text('out', 'out').trim()).toBe(String(17 * 1024 * 1024))
  })

  it('keeps a large link given out as an output as a file of its own', async () => {
    const target = file('elsewhere').location
    const place = path.join(writeFiles({}), 'link')
    symlinkSync(target, place)
    const result = await run(['cp', '-P', place, 'out'], { out: 'out' })
    expect(result.text('out', 'out')).toBe('elsewhere')
  })

  it('has outputs of the kinds that their declarations say, before anything runs', () => {
    const kinds = command.outputs as unknown as (options: Json) => object
    const outputs = { a: 'a.txt', b: 'b/', c: { path: 'c', type: 'folder' }, d: { path: 'd/' }, e: { path: 'e.d' } }
    expect(kinds({ run: 'x', inputs: {}, outputs })).toEqual({
      a: 'file',
      b: 'folder',
      c: 'folder',
      d: 'folder',
      e: 'file',
    })
  })

  it.each([
    [{ outputs: { out: '../out' } }, 'outputs/out: ../out leads out of the folder that the command runs in'],
    [{ outputs: { out: 'a/../../out' } }, 'leads out of the folder'],
    [{ outputs: { out: '/etc/passwd' } }, '/etc/passwd is an absolute path'],
    [{ outputs: { out: './out' } }, 'is not a plain relative path'],
    [{ outputs: { out: { path: 'out/', type: 'file' } } }, 'ends in a slash, but its type is file'],
    [{ outputs: { all: 'out/', one: 'out/x' } }, 'outputs/one: out/x overlaps with out/'],
    [{ outputs: { out: 'o' }, inputs: { '../in': 'x' } }, 'inputs/..~1in: ../in leads out'],
    [{ outputs: { out: 'o' }, inputs: { a: 'x', 'a/b': 'x' } }, 'a/b overlaps with a'],
    [{ outputs: {} }, 'must NOT have fewer than 1 properties'],
    [{ outputs: { out: 'o' }, run: [] }, 'must NOT have fewer than 1 items'],
  ])('refuses %j', (options, message) => {
    expect(() => checkedOptions(command, { run: 'true', ...options })).toThrow(message)
  })
})
