/** Longest path of a file in a bundle, in bytes of UTF-8. */
const MAX_PATH_BYTES = 1024
/** Longest name of one file or folder, in bytes of UTF-8: what file systems take. */
const MAX_NAME_BYTES = 255
const MAX_DEPTH = 32

/** Names that mean something to queryloom, git or a system wherever they stand, in the form that `folded` gives. */
const RESERVED = ['.queryloom', '.queryloom-imported', '.queryloom-quarantine', '.git']
const DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$/

/**
 * Why a path can't stand in a bundle; undefined if it can. What can is a plain relative path that names the same file,
 * and nothing else, on every system.
 */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'is an empty path'
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `is a path of more than ${MAX_PATH_BYTES} bytes`
  if (!path.isWellFormed()) return 'is no valid Unicode'
  if (path.includes('\0')) return 'has a NUL character in it'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0001-\u001f\u007f-\u009f]/.test(path)) return 'has control characters in it'
  if (/[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(path)) return 'has invisible characters in it'
  if (path.startsWith('/')) return 'is an absolute path'
  if (path.includes('\\')) return 'has a backslash in it'
  if (/^[A-Za-z]:/.test(path)) return 'begins with a drive letter'
  const parts = path.split('/')
  if (parts.includes('..')) return 'leads out of the folder (..)'
  if (parts.some((part) => part === '' || part === '.')) return 'is not written in the one plain form of a path'
  if (parts.length > MAX_DEPTH) return `lies more than ${MAX_DEPTH} folders deep`
  for (const part of parts) {
    if (Buffer.byteLength(part) > MAX_NAME_BYTES) return `has a name of more than ${MAX_NAME_BYTES} bytes in it`
    if (/[. ]$/.test(part)) return 'has a name that ends in a dot or a space'
    if (RESERVED.includes(folded(part))) return `has a reserved name in it (${part})`
    if (DEVICES.test(folded(part))) return `has the name of a device in it (${part})`
  }
  return undefined
}

/** Notes the paths of a bundle one after the other and finds those that can't all be there, on some system. */
export class PathSet {
  /** What was noted, folders too, by folded path. */
  readonly #noted = new Map<string, { path: string; folder: boolean }>()

  /** Why this path can't stand beside those noted before; undefined if it can, and then it is noted. */
  add(path: string): string | undefined {
    const parts = path.split('/')
    for (let length = 1; length <= parts.length; length++) {
      const prefix = parts.slice(0, length).join('/')
      const folder = length < parts.length
      const name = folded(prefix)
      const before = this.#noted.get(name)
      if (!before) this.#noted.set(name, { path: prefix, folder })
      else if (before.path === prefix && before.folder && folder) continue
      else if (before.path === prefix && before.folder === folder) return 'stands there twice'
      else if (before.path === prefix) return 'is a file and a folder at once'
      else if (before.path.normalize('NFC') === prefix.normalize('NFC'))
        return `is the same name as ${before.path} in another form of Unicode`
      else return `is the same name as ${before.path} where case does not count`
    }
    return undefined
  }
}

// What file systems that ignore case or the form of Unicode take for one name; rather too much than too little.
function folded(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
