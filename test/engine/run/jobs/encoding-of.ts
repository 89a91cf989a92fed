import type { GraphNode } from '../../../../engine/plan/node.ts'
import type { Executor } from '../../../../engine/run/executor.ts'
import { EncodingAhead } from '../../../../engine/run/jobs/encode-ahead.ts'
import type { JobPlace } from '../../../../engine/run/stage-jobs.ts'
import { registry } from '../../../../stages/registry.ts'

/** A run that has one corpus encoded in two shares in `folder`; each call is an attempt of a node that searches it. */
export function encodingOf(
  executor: Executor,
  folder: string,
): (node: object, signal: AbortSignal, onNote?: (note: string) => void) => Promise<void> {
  const models = { ...registry.models, encoding: { shares: async () => ({ count: 2, folder }), encode: async () => 0 } }
  const corpus = { encoder: 'm', digest: 'sha256:0', async *passages() {} }
  const place: JobPlace = {
    executor,
    folder,
    visible: [],
    before: [],
    program: 'node',
    queryloom: '/',
    embeddings: folder,
    of: () => ({ shards: 2 }),
    leave: () => false,
  }
  const ahead = new EncodingAhead(place, models)
  return (node, signal, onNote = () => {}) =>
    ahead.run({
      node: { ...node, definition: { encodes: async () => [corpus] } } as unknown as GraphNode,
      context: { inputs: {}, options: {} as never, progress: () => {} },
      order: { data: {} } as never,
      signal,
      onNote,
    })
}
