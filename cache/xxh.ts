import xxhash, { type XXHashAPI } from 'xxhash-wasm'

let api: XXHashAPI | undefined

/** Compiles XXH64 once for this thread; must be awaited before `hash64` or `xxh64Stream` is called. */
export async function loadXxh(): Promise<void> {
  api ??= await xxhash()
}

/**
 * XXH64 of a text's UTF-8 bytes. For what is only local and fast: orders, shards, sketches, change checks. Never for
 * keys: collisions can be constructed.
 */
export function hash64(text: string, seed = 0n): bigint {
  return ready().h64(text, seed)
}

/** XXH64 of bytes. */
export function hash64Bytes(bytes: Uint8Array, seed = 0n): bigint {
  return ready().h64Raw(bytes, seed)
}

function ready(): XXHashAPI {
  if (!api) throw new Error('loadXxh() was not awaited')
  return api
}
