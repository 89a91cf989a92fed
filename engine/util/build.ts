import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { engineVersion } from './engine-version.ts'

/** Which code computes, for what is remembered of it; undefined while it runs from its sources, where nothing tells. */
export function buildOf(): string | undefined {
  const self = fileURLToPath(import.meta.url)
  return self.endsWith('.js') ? `${engineVersion()} ${statSync(self).mtimeMs}` : undefined
}
