import { existsSync } from 'node:fs'
import path from 'node:path'
import type { AnyStageDefinition, Implied, InputMarker, Registry } from '../../../stages/define.ts'

const run = () => Promise.reject(new Error('nothing runs in these tests'))

interface DataOptions {
  pairs: { from: InputMarker; corpus?: InputMarker }[]
}

const sample: AnyStageDefinition = {
  type: 'sample',
  version: 1,
  description: 'Chooses passages.',
  thread: 'worker',
  outputs: { passages: 'passages' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['dataset'],
    properties: {
      dataset: { description: 'The collection.', slot: { accepts: ['dataset'], parts: ['corpus'] } },
      strategy: { enum: ['random', 'all'], default: 'random' },
      fraction: { type: 'number', minimum: 0, maximum: 1 },
      seed: { type: 'integer', default: 1 },
    },
  },
  check: ({ strategy, fraction }: { strategy: string; fraction?: number }) =>
    strategy === 'all' && fraction !== undefined
      ? [{ at: 'fraction', message: '`all` takes no fraction', advice: 'Leave it out.' }]
      : [],
  run,
}

const write: AnyStageDefinition = {
  type: 'write',
  version: 1,
  description: 'Writes queries.',
  thread: 'main',
  outputs: { pairs: 'pairs', rejected: 'pairs' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['passages'],
    properties: {
      passages: { description: 'What to write for.', slot: { accepts: ['passages'] } },
      model: { slot: { accepts: ['llm'] } },
      prompt: { slot: { accepts: ['prompt'] } },
      per_passage: { type: 'integer', minimum: 1, default: 1 },
      decoding: {
        type: 'object',
        additionalProperties: false,
        default: {},
        properties: {
          temperature: { type: 'number', default: 0.7 },
          stop: { type: 'array', items: { type: 'string' } },
        },
      },
      steps: {
        type: 'array',
        items: {
          oneOf: [
            {
              type: 'object',
              additionalProperties: false,
              required: ['length'],
              properties: {
                length: {
                  type: 'object',
                  additionalProperties: false,
                  properties: { min: { type: 'integer', default: 3 } },
                },
              },
            },
            {
              type: 'object',
              additionalProperties: false,
              required: ['round_trip'],
              properties: {
                round_trip: {
                  type: 'object',
                  additionalProperties: false,
                  required: ['top_k'],
                  properties: { top_k: { type: 'integer' }, depth: { type: 'integer', default: 100 } },
                },
              },
            },
          ],
        },
      },
      concurrency: { type: 'integer', default: 8, semantic: false },
    },
  },
  corpusFrom: () => ['passages'],
  run,
}

const data: AnyStageDefinition = {
  type: 'data',
  version: 1,
  description: 'Makes training data.',
  thread: 'worker',
  outputs: { training: 'training' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['pairs'],
    properties: {
      pairs: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['from'],
          properties: {
            from: { slot: { accepts: ['pairs', 'split'], lists: 'numbered' } },
            weight: { type: 'integer', minimum: 1, default: 1 },
            corpus: { slot: { accepts: ['dataset'], parts: ['corpus'] } },
          },
        },
      },
      retriever: { oneOf: [{ enum: ['bm25'] }, { slot: { accepts: ['path', 'model'] } }] },
    },
  },
  corpusFrom: ({ pairs }: DataOptions) => pairs.map((_, i) => `pairs/${i}/from`),
  implied: ({ pairs }: DataOptions, lineage) =>
    pairs.flatMap(({ corpus }, i): Implied[] => {
      if (corpus) return []
      const names = lineage.corpora(`pairs/${i}/from`)
      return names.length === 1
        ? [{ input: `pairs/${i}/corpus`, dataset: names[0]!, parts: ['corpus'] }]
        : [{ error: `ids resolve in ${names.length} corpora`, at: `pairs/${i}/from`, advice: 'Name the corpus.' }]
    }),
  run,
}

const command: AnyStageDefinition = {
  type: 'command',
  version: 1,
  description: 'Runs a program.',
  thread: 'main',
  outputs: ({ outputs }: { outputs: { [name: string]: 'file' | 'folder' | 'pairs' } }) => ({ ...outputs }),
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['run'],
    properties: {
      run: { type: 'string', minLength: 1 },
      inputs: {
        type: 'object',
        default: {},
        additionalProperties: {
          slot: { accepts: ['passages', 'pairs', 'training', 'file', 'folder', 'path'], lists: 'labelled' },
        },
      },
      outputs: { type: 'object', default: {}, additionalProperties: { enum: ['file', 'folder', 'pairs'] } },
    },
  },
  cpus: () => 2,
  run,
}

/** Four stage types with every kind of slot, and the smallest datasets, models and prompts; nothing in it runs. */
export const fakeRegistry: Registry = {
  stages: { sample, write, data, command },
  datasets: {
    schema: {
      type: 'object',
      additionalProperties: false,
      required: ['source'],
      properties: { source: { type: 'string', relative: true }, splits: { type: 'array', items: { type: 'string' } } },
    },
    survey: () => Promise.reject(new Error('nothing is looked at in these tests')),
    resolve(block, folder) {
      const { source, splits = ['train', 'test'] } = block as { source: string; splits?: string[] }
      if (source.startsWith('missing')) return { message: `no folder ${source}`, advice: 'Mend it.', at: 'source' }
      const at = (name: string) => path.resolve(folder, source, name)
      return {
        corpus: at('corpus.jsonl'),
        queries: at('queries.jsonl'),
        qrels: Object.fromEntries(splits.map((split) => [split, at(`qrels/${split}.tsv`)])),
      }
    },
  },
  models: {
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: { endpoint: { type: 'string' }, file: { type: 'string', relative: true } },
    },
    identity(block, folder) {
      const { endpoint, file } = block as { endpoint?: string; file?: string }
      if (endpoint !== undefined) return { endpoint }
      const found = path.resolve(folder, file ?? 'none')
      return existsSync(found)
        ? { file: path.basename(found) }
        : { message: `no model file ${file}`, advice: 'Mend it.', at: 'file' }
    },
    gpus: () => undefined,
    isServed: () => false,
    exposes: () => [],
    files: () => [],
    missing: () => undefined,
    encoding: {
      shares: () => Promise.resolve(undefined),
      encode: () => Promise.reject(new Error('nothing runs in these tests')),
    },
    examine: () => Promise.resolve([]),
    provide: () => Promise.reject(new Error('nothing runs in these tests')),
    lease: () => Promise.reject(new Error('nothing runs in these tests')),
    asker: () => Promise.reject(new Error('nothing runs in these tests')),
  },
  examine: () => Promise.resolve([]),
  prompts: {
    parse: (text) =>
      text.includes('{{oops}}')
        ? { problems: [{ message: 'unknown variable `oops`', advice: 'There is `text`.', line: 2, column: 7 }] }
        : { value: { user: text.trim() } },
  },
}
