import type { CanonicalValue } from '../../cache/canonical.ts'
import type { Json } from '../../stages/define.ts'

/** Options by their pointers; places where an input stands are left out. */
export function flatOptions(
  value: CanonicalValue,
  path = '',
  into: { [path: string]: CanonicalValue } = {},
): typeof into {
  if (value !== null && typeof value === 'object') {
    if (!Array.isArray(value) && Object.keys(value).join() === '$input') return into
    for (const [name, member] of Object.entries(value)) {
      if (member !== undefined) flatOptions(member as Json, path === '' ? name : `${path}/${name}`, into)
    }
    if (Object.keys(value).length === 0 && path !== '') into[path] = value
  } else into[path] = value
  return into
}
