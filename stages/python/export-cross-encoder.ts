import { join } from 'node:path'
import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { type PythonServices, pythonEnvironment, pythonFile, pythonTools } from './environment.ts'
import { runHelper } from './events-file.ts'

/** Raised when the same model should give another graph: it names the folders of the tools cache. */
const VERSION = 1

/**
 * A folder with the ONNX graph of a cross-encoder (output `logits`), exported once for each identity (a digest or commit
 * that names its content) and kept in the tools cache. A graph that gives other scores than the model is a StageError.
 */
export async function exportedCrossEncoder(
  { model, identity }: { model: string; identity: string },
  services: PythonServices & { scratch: string },
): Promise<string> {
  const key = hexOf(sha256<'tools'>(canonicalBytes('onnx of a cross-encoder', { identity, version: VERSION })))
  return services.tools.getOrBuild('onnx', key, async (folder) => {
    const python = await pythonEnvironment('train.lock', await pythonTools(services), services)
    const events = join(services.scratch, 'export-events.jsonl')
    const program = pythonFile('export_cross_encoder.py')
    const command = [python, '-s', program, '--model', model, '--out', folder, '--events', events] as const
    const { log, signal } = services
    await runHelper(services.processes, { title: 'export to ONNX', command, log, signal }, events, (event) => {
      if (event.event === 'progress') services.tell?.(String(event.note))
    })
  })
}
