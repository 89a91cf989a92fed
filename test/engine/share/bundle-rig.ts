import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What a hostile bundle may say; everything is written as it is given. */
export type LooseManifest = { [name: string]: unknown }

export const sha = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** An entry of a file that is right in every way. */
export function fileEntry(path: string, content: string, more: object = {}): object {
  return { path, type: 'file', mode: '644', size: Buffer.byteLength(content), sha256: sha(content), ...more }
}

/** The entry and the place of each content, sorted and each once, as a sound bundle has them. */
export function blobsOf(contents: readonly (string | Buffer)[]): { list: object[]; bytes: Buffer } {
  const byDigest = new Map(contents.map((content) => [sha(content), Buffer.from(content)]))
  const sorted = [...byDigest].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    list: sorted.map(([sha256, content]) => ({ sha256, size: content.length })),
    bytes: Buffer.concat(sorted.map(([, content]) => content)),
  }
}

/** The bytes of a bundle with this manifest, whatever it says, put together as the format wants it. */
export function assemble(manifest: LooseManifest | Buffer, body: Buffer, signature: Buffer = Buffer.alloc(0)): Buffer {
  const text = Buffer.isBuffer(manifest) ? manifest : Buffer.from(`${JSON.stringify(manifest)}\n`)
  return Buffer.concat([header(text.length, signature.length, `sha256:${sha(text)}`), text, signature, body])
}

/** A header that says these things. */
export function header(manifest: number | string, signature: number | string, digest: string, version = '1'): Buffer {
  const lengths = `${String(manifest).padStart(12, '0')} ${String(signature).padStart(4, '0')}`
  return Buffer.from(`queryloom-bundle ${version} ${lengths} ${digest}\n`, 'latin1')
}

/** Every name below a folder with what it is, so that any change shows. */
export function snapshot(folder: string, prefix = ''): { [path: string]: string } {
  const found: { [path: string]: string } = {}
  for (const name of readdirSync(join(folder, prefix)).sort()) {
    const path = join(prefix, name)
    const stat = lstatSync(join(folder, path))
    if (stat.isDirectory()) Object.assign(found, { [path]: 'folder' }, snapshot(folder, path))
    else if (stat.isSymbolicLink()) found[path] = `link to ${readlinkSync(join(folder, path))}`
    else if (stat.size > 1 << 20 || !stat.isFile()) found[path] = `${stat.mode} of ${stat.size} bytes`
    else found[path] = `${stat.mode} ${sha(readFileSync(join(folder, path)))}`
  }
  return found
}
