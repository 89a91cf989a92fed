import type { ActionRecord, RecordedOutput } from '../../cache/action-log.ts'
import type { BlobId } from '../../cache/digest.ts'
import type { ArtifactKind, SourceFile, StageInput } from '../../stages/define.ts'
import type { InputRef, NodeId } from './node.ts'
import type { SourceFiles } from './source-files.ts'

/** What is known when an input is handed to a stage: results of finished nodes, and digests of files. */
export interface InputFacts {
  record(node: NodeId): ActionRecord | undefined
  locate(blob: BlobId): string
  sources: SourceFiles
}

/** An input as a stage gets it, or undefined while the node that it comes from has no result, or while it is not fetched. */
export function stageInput(ref: InputRef, facts: InputFacts): StageInput | undefined {
  switch (ref.type) {
    case 'stage': {
      const output = facts.record(ref.node)?.outputs[ref.output]
      return output && artifactInput(output, ref.kind, facts.locate)
    }
    case 'dataset': {
      const parts: { -readonly [Part in keyof typeof ref.parts]: SourceFile } = {}
      for (const [name, place] of Object.entries(ref.parts)) {
        const part = facts.sources.source(place)
        if (!part) return undefined
        parts[name as keyof typeof parts] = part
      }
      return { type: 'dataset', name: ref.name, ...(ref.split === undefined ? {} : { split: ref.split }), ...parts }
    }
    case 'llm':
      return { type: 'llm', name: ref.name, model: ref.block, folder: ref.folder, identity: ref.identity }
    case 'encoder':
      // Its files are brought here when the stage is about to run.
      return { type: ref.kind, name: ref.name, model: ref.block, files: [] }
    case 'prompt':
      return { type: 'prompt', path: ref.path, value: ref.value }
    case 'path':
      return {
        type: 'path',
        path: ref.path,
        folder: ref.folder || ref.matches !== undefined,
        files: facts.sources.tree(ref).files,
      }
  }
}

function artifactInput(output: RecordedOutput, kind: ArtifactKind, locate: (blob: BlobId) => string): StageInput {
  return {
    type: 'artifact',
    kind,
    digest: output.digest,
    files: output.files.map((file) => ({ ...file, location: locate(file.blob) })),
  }
}
