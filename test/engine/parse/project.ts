import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { Diagnostic } from '../../../engine/parse/diagnostic.ts'
import type { LoadOptions } from '../../../engine/parse/load.ts'
import { type LoadedGraph, loadGraph } from '../../../engine/plan/load-graph.ts'
import { fakeRegistry } from './fake-registry.ts'

/** A temporary project folder that is removed after the test. */
export class Project {
  readonly folder: string

  constructor(files: { readonly [name: string]: string } = {}) {
    this.folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'queryloom-')))
    mkdirSync(path.join(this.folder, '.queryloom'))
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }))
    for (const [name, text] of Object.entries(files)) this.write(name, text)
  }

  path(name: string): string {
    return path.join(this.folder, name)
  }

  write(name: string, text: string | Uint8Array): string {
    mkdirSync(path.dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), text)
    return this.path(name)
  }

  /** Writes `pipeline.yaml` and loads it with the fake stage types. */
  load(text: string, options: Partial<LoadOptions> = {}): LoadedGraph {
    return loadGraph(this.write('pipeline.yaml', text), { registry: fakeRegistry, ...options })
  }
}

/** Problems as `line:column code message`, with the project's folder left out. */
export function told(diagnostics: readonly Diagnostic[], folder = ''): string[] {
  return diagnostics.map(({ line, column, code, message }) =>
    `${line}:${column} ${code} ${message}`.replaceAll(`${folder}/`, ''),
  )
}
