import type { SourcePath } from './pipeline.ts'

/** JSON pointer of a path, without the leading slash: `steps/3/round_trip/corpus`. */
export function pointerOf(path: SourcePath): string {
  let pointer = ''
  for (const [i, segment] of path.entries()) {
    const text = String(segment)
    const plain = !text.includes('~') && !text.includes('/')
    pointer += (i === 0 ? '' : '/') + (plain ? text : text.replaceAll('~', '~0').replaceAll('/', '~1'))
  }
  return pointer
}

/** Path of a JSON pointer, with or without the leading slash; numbers stay texts. */
export function pathOf(pointer: string): string[] {
  const bare = pointer.startsWith('/') ? pointer.slice(1) : pointer
  return bare === '' ? [] : bare.split('/').map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A path as people write it: `steps[3].round_trip.corpus`. */
export function pathForPeople(path: SourcePath): string {
  let text = ''
  for (const segment of path) {
    if (typeof segment === 'number' || /^\d+$/.test(segment)) text += `[${segment}]`
    else text += text === '' ? segment : `.${segment}`
  }
  return text
}
