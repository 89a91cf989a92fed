import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The packages that a module is of: its own, and those whose code was put into it when it was built. */
export function packagesIn(url: string): string[] {
  const path = fileURLToPath(url)
  const own = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []
  const bundled = [...readFileSync(path, 'utf8').matchAll(/^\/\/ from (.*)$/gm)].map(([, name]) => name as string)
  return bundled.concat(own)
}
