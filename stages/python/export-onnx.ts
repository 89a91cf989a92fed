import { join } from 'node:path'
import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { StageError } from '../define.ts'
import { type PythonServices, pythonEnvironment, pythonFile, pythonTools } from './environment.ts'
import { type HelperEvent, runHelper } from './events-file.ts'

/** Raised when the same model should give another graph: it names the folders of the tools cache. */
const VERSION = 1

/** What is exported. */
export interface OnnxExport {
  /** Folder in the format of SentenceTransformers or Transformers, with safetensors. */
  model: string
  /** Also writes `onnx/model_int8.onnx`. */
  int8?: boolean
  trustRemoteCode?: boolean
}

/** How well the graph agrees with the model: lowest cosine over sample texts. */
export interface OnnxFacts {
  cosine: number
  int8Cosine?: number
  dimensions: number
  maxLength: number
}

/**
 * Writes `onnx/model.onnx` (inputs `input_ids`, `attention_mask`, perhaps `token_type_ids`; outputs `last_hidden_state`
 * and `sentence_embedding`, the vector after all of the model's modules) into a folder, and beside it the model's
 * tokenizer and conventions. A graph that gives other vectors than the model is a StageError.
 */
export async function exportOnnx(
  { model, int8 = false, trustRemoteCode = false }: OnnxExport,
  out: string,
  services: PythonServices & { scratch: string },
): Promise<OnnxFacts> {
  const python = await pythonEnvironment('train.lock', await pythonTools(services), services)
  const events = join(services.scratch, 'export-events.jsonl')
  const flags = [...(int8 ? ['--int8'] : []), ...(trustRemoteCode ? ['--trust-remote-code'] : [])]
  let exported: HelperEvent | undefined
  await runHelper(
    services.processes,
    {
      title: 'export to ONNX',
      command: [
        python,
        '-s',
        pythonFile('export_onnx.py'),
        ...['--model', model, '--out', out, '--events', events],
        ...flags,
      ],
      log: services.log,
      signal: services.signal,
    },
    events,
    (event) => {
      if (event.event === 'exported') exported = event
      else services.tell?.(String(event.note))
    },
  )
  if (!exported) throw new StageError('the export to ONNX ended without a result', { where: services.log })
  return {
    cosine: exported.cosine as number,
    ...(int8 ? { int8Cosine: exported.int8_cosine as number } : {}),
    dimensions: exported.dimensions as number,
    maxLength: exported.max_length as number,
  }
}

/**
 * A folder with the ONNX graph of a model, exported once for each identity (a digest or commit that names its content)
 * and kept in the tools cache.
 */
export async function exportedModel(
  wanted: OnnxExport & { identity: string },
  services: PythonServices & { scratch: string },
): Promise<string> {
  const { identity, int8 = false } = wanted
  const key = hexOf(sha256<'tools'>(canonicalBytes('onnx', { identity, int8, version: VERSION })))
  return services.tools.getOrBuild('onnx', key, async (folder) => {
    await exportOnnx(wanted, folder, services)
  })
}
