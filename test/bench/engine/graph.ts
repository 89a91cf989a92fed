/** One command of a graph: it reads one input, a source or what another task wrote, and writes one file. */
export interface Task {
  id: string
  input: { source: string } | { task: string }
  /** A line for `sh` that reads `input` and writes `output`; `label` is what it writes of itself. */
  command: (input: string, output: string, label: string) => string
  /** What the command writes for the bytes that it reads. */
  expect: (input: Buffer) => string
  /** Which member of a sweep it is: under every value of the axis the same command but for the label, `STAGE-VALUE`. */
  variant?: { stage: string; axis: string; value: number }
}

/** Tasks in an order in which they can be executed one after the other. */
export interface Graph {
  tasks: readonly Task[]
}

/** The tasks that no other task reads. */
export function leavesOf({ tasks }: Graph): Task[] {
  const read = new Set(tasks.map(({ input }) => ('task' in input ? input.task : undefined)))
  return tasks.filter(({ id }) => !read.has(id))
}

/** The sources that the tasks read, each once. */
export function sourcesOf({ tasks }: Graph): string[] {
  return [...new Set(tasks.flatMap(({ input }) => ('source' in input ? [input.source] : [])))]
}

/** What a peer executes for a task: its command, which then tells the counter, a file, that it was executed. */
export function lineOf(
  { id, command }: Task,
  { input, output, counter, label = id }: { input: string; output: string; counter: string; label?: string },
): string {
  return `${command(input, output, label)} && echo ${label} >> ${counter}`
}

/** What every task should have written, by id, given the bytes that are read of each source. */
export function expectedOutputs({ tasks }: Graph, source: (name: string) => Buffer): Map<string, string> {
  const outputs = new Map<string, string>()
  for (const { id, input, expect } of tasks) {
    outputs.set(id, expect('source' in input ? source(input.source) : Buffer.from(outputs.get(input.task) as string)))
  }
  return outputs
}
