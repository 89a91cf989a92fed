import { createRequire } from 'node:module'

let library: typeof import('yaml') | undefined

/** The YAML library, loaded when a prompt file is read: planning an unchanged pipeline never does. */
export function yaml(): typeof import('yaml') {
  library ??= createRequire(import.meta.url)('yaml') as typeof import('yaml')
  return library
}
