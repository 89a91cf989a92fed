import type { Json } from '../../stages/define.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { SourceDocument } from './document.ts'
import { asMap } from './json.ts'

/** The sections that included files add to. */
export const SECTIONS = ['params', 'datasets', 'models', 'stages'] as const

type Section = (typeof SECTIONS)[number]

/** The members of all sections, over the files of a pipeline, and which file each stands in. */
export interface Sections extends Record<Section, { readonly [name: string]: Json }> {
  /** The file that this member stands in. */
  owner(section: string, name: string): SourceDocument | undefined
}

/** Puts the sections of files together, in their order; a name that two files define is reported. */
export function mergeSections(documents: readonly SourceDocument[], diagnostics: Diagnostics): Sections {
  const merged: Record<Section, { [name: string]: Json }> = { params: {}, datasets: {}, models: {}, stages: {} }
  const owners = new Map<string, SourceDocument>()
  const key = (section: string, name: string): string => `${section}\0${name}`
  for (const document of documents) {
    for (const section of SECTIONS) {
      for (const [name, member] of Object.entries(asMap(asMap(document.value)[section]))) {
        const first = owners.get(key(section, name))
        if (first) {
          diagnostics.error(document.locate([section, name], 'key'), {
            code: 'duplicate-key',
            message: `\`${name}\` is defined twice in \`${section}\`, by two files`,
            advice: 'Remove or rename one of them.',
            related: [{ ...first.locate([section, name], 'key'), message: 'the other one is here' }],
          })
          continue
        }
        owners.set(key(section, name), document)
        merged[section][name] = member
      }
    }
  }
  return { ...merged, owner: (section, name) => owners.get(key(section, name)) }
}
