import type { ProcessRequest } from '../define.ts'
import type { Prefixes } from '../encoders/conventions.ts'
import type { RandomShape } from './base.ts'
import { type LossName, lossOf } from './loss.ts'
import type { TrainOptions } from './options.ts'
import type { Schedule } from './schedule.ts'

/** All that the Python process is told, as JSON. */
export interface TrainPlan {
  /** Folder of the base, or the shape and the tokenizer of a random one. */
  model?: string
  random?: RandomShape
  tokenizer?: string
  reinitialise?: number
  trust_remote_code: boolean
  data: string
  batches: string
  dev?: string
  out: string
  resume: string
  events: string
  loss: { name: LossName; options: object }
  guide?: string
  scale: number
  symmetric: boolean
  matryoshka?: number[]
  /** Left out: those of the base. */
  prefixes?: { query: string; passage: string }
  max_length: { query?: number; passage?: number }
  steps: number
  batch: number
  micro_batch: number
  learning_rate: number
  curve_every: number
  weight_decay: number
  max_grad_norm: number
  warmup: number
  precision: 'fp32' | 'bf16' | 'fp16'
  gradient_checkpointing: boolean
  halve_on_oom: boolean
  checkpoint_every: { steps: number } | { seconds: number }
  seed: number
  select: 'last' | 'dev'
  device: 'auto' | 'cpu' | 'cuda'
  int8: boolean
}

const MICRO_BATCH = 32
const CHECKPOINT_SECONDS = 60
/** The launcher gives its workers half a minute to end. */
const LAUNCHER_GRACE_MS = 40_000

/** The part of the plan that follows from options alone. */
export function trainPlan(
  options: TrainOptions,
  schedule: Schedule,
  prefixes: Prefixes | undefined,
): Omit<TrainPlan, 'data' | 'batches' | 'out' | 'resume' | 'events'> {
  const { max_length, matryoshka, reinitialise } = options
  const loss = lossOf(options.loss)
  return {
    ...(reinitialise === undefined ? {} : { reinitialise }),
    ...(matryoshka === undefined ? {} : { matryoshka }),
    trust_remote_code: options.trust_remote_code ?? false,
    loss: { name: loss.name, options: loss.options },
    scale: options.scale,
    symmetric: options.symmetric ?? false,
    ...(prefixes === undefined ? {} : { prefixes }),
    max_length: typeof max_length === 'number' ? { query: max_length, passage: max_length } : (max_length ?? {}),
    steps: schedule.steps,
    batch: schedule.batch,
    micro_batch: options.micro_batch ?? MICRO_BATCH,
    learning_rate: schedule.learningRate,
    curve_every: schedule.curveEvery,
    weight_decay: options.weight_decay ?? 0.01,
    max_grad_norm: options.max_grad_norm ?? 1,
    warmup: options.warmup,
    precision: options.precision ?? 'fp32',
    gradient_checkpointing: options.gradient_checkpointing ?? false,
    halve_on_oom: options.halve_on_oom ?? false,
    checkpoint_every: options.checkpoint_every ?? { seconds: CHECKPOINT_SECONDS },
    seed: options.seed,
    select: options.select,
    device: options.device ?? 'auto',
    int8: options.int8 ?? false,
  }
}

/** The command of the training process: Python itself, or accelerate's launcher where several share a batch. */
export function launch(
  python: string,
  script: string,
  plan: string,
  { processes = 1, device }: Pick<TrainOptions, 'processes' | 'device'>,
): Pick<ProcessRequest, 'command' | 'title' | 'graceMs' | 'env'> {
  const title = 'training'
  if (processes === 1) return { title, command: [python, '-s', script, '--plan', plan] }
  const launcher =
    device === 'cpu'
      ? ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', String(processes)]
      : [
          '-m',
          'accelerate.commands.launch',
          '--multi_gpu',
          ...['--num_processes', String(processes), '--num_machines', '1'],
          ...['--mixed_precision', 'no', '--dynamo_backend', 'no'],
          // Port 0: a free one.
          ...['--main_process_port', '0'],
        ]
  return {
    title,
    command: [python, '-s', ...launcher, script, '--plan', plan],
    graceMs: LAUNCHER_GRACE_MS,
  }
}
