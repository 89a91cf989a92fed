/** How much a training run may see; exactly one of the three. */
export type Budget = { steps: number } | { epochs: number } | { samples_seen: number }

/** Options that decide the schedule, as far as they are given. */
export interface ScheduleOptions {
  budget?: Budget
  batch?: number
  learning_rate?: number
  curve_every?: number
}

/** The schedule of one training run. */
export interface Schedule {
  steps: number
  /** Rows of a step. */
  batch: number
  learningRate: number
  /** Points of the curve lie this many steps apart. */
  curveEvery: number
}

const LEAST_STEPS = 200
const DEFAULT_EPOCHS = 3
/** Of a table, for a batch of one row. */
const UNIT_LEARNING_RATE = 0.0075
const POINTS_OF_CURVE = 20

/**
 * Fills in what was not said, by the number of rows: a batch of an eighth of them, at least 8 and at most 256 (never
 * more than there are), and 3 epochs, at least 200 steps. The learning rate of a table grows with the root of the batch,
 * so that a sweep with one batch has one rate. What was measured for these is in docs/experiments.md.
 */
export function scheduleFor(rows: number, options: ScheduleOptions, learningRate?: number): Schedule {
  const batch = Math.min(rows, options.batch ?? Math.min(256, Math.max(8, Math.floor(rows / 8))))
  const steps = batch === 0 ? 0 : stepsFor(rows, batch, options.budget)
  return {
    steps,
    batch,
    learningRate: options.learning_rate ?? learningRate ?? UNIT_LEARNING_RATE * Math.sqrt(batch),
    curveEvery: options.curve_every ?? Math.max(1, Math.floor(steps / POINTS_OF_CURVE)),
  }
}

function stepsFor(rows: number, batch: number, budget: Budget | undefined): number {
  if (!budget) return Math.max(LEAST_STEPS, Math.ceil((DEFAULT_EPOCHS * rows) / batch))
  if ('steps' in budget) return budget.steps
  return Math.ceil(('epochs' in budget ? budget.epochs * rows : budget.samples_seen) / batch)
}

/**
 * Learning rate of a step (from 0) as a share of the greatest: it rises over the first `warmup` × steps, then falls,
 * both along a line, to a last step just above 0.
 */
export function rateAt(step: number, steps: number, warmup: number): number {
  const rising = Math.round(warmup * steps)
  return step < rising ? (step + 1) / (rising + 1) : (steps - step) / (steps - rising)
}
