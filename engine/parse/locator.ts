import path from 'node:path'
import { onCommandLine } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import type { Pipeline, SourcePath } from './pipeline.ts'
import type { Sections } from './sections.ts'

/** What a locator looks in. */
export interface LocatorFacts {
  main: SourceDocument
  sections: Sections
  paramsFiles: readonly SourceDocument[]
  /** What paths of the command line are relative to. */
  paramsFolder: string
}

/** Finds the places of values in the files of a pipeline: each path leads to the file that its value stands in. */
export function createLocator(facts: LocatorFacts): Pick<Pipeline, 'locate' | 'locateText' | 'folder'> {
  const { main, sections, paramsFiles, paramsFolder } = facts
  const find = (at: SourcePath): { document: SourceDocument | undefined; inside: SourcePath } => {
    const [section, name] = at
    if (section === '-p') return { document: undefined, inside: [] }
    if (section === '--params') return { document: paramsFiles[Number(name)], inside: at.slice(2) }
    return { document: sections.owner(String(section), String(name)) ?? main, inside: at }
  }
  return {
    locate(at, what) {
      const { document, inside } = find(at)
      return document ? document.locate(inside, what) : onCommandLine()
    },
    locateText(at, start, length) {
      const { document, inside } = find(at)
      return document ? document.locateText(inside, start, length) : onCommandLine()
    },
    folder(at) {
      const { document } = find(at)
      return document ? path.dirname(document.source.file) : paramsFolder
    },
  }
}
