/**
 * Bytes that are needed for a moment only: `giveBack` frees their memory at once. A thread that computes makes little that
 * is collected, so that what it has read a graph from would stay as long as the thread.
 */
export function briefBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length, { maxByteLength: length }))
}

/** Nothing of these bytes can be read afterwards, nor through views of them. */
export function giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.resize(0)
}
