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

/** An input as a stage gets it, or undefined while the node that it comes from has no result. */
export function stageInput(ref: InputRef, facts: InputFacts): StageInput | undefined {
  switch (ref.type) {
    case 'stage': {
      const output = facts.record(ref.node)?.outputs[ref.output]
      return output && artifactInput(output, ref.kind, facts.locate)
    }
    case 'dataset': {
      const file = (path: string | undefined): SourceFile | undefined =>
        path === undefined ? undefined : { location: path, digest: facts.sources.source(path) }
      const { corpus, queries, qrels } = ref.parts
      return {
        type: 'dataset',
        name: ref.name,
        ...defined({ split: ref.split, corpus: file(corpus), queries: file(queries), qrels: file(qrels) }),
      }
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

function defined<Members extends object>(
  members: Members,
): { [Name in keyof Members]: Exclude<Members[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
}
