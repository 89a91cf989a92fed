import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

const AT_ONCE = 256

/**
 * The first file of an environment that is missing or has another size than its package says; undefined if all are as
 * they were installed. Looks at every file, reads none but the lists: a fifth of a second for 25,000 of them.
 */
export async function damagedFile(environment: string): Promise<string | undefined> {
  const packages = await sitePackages(environment)
  if (packages === undefined) return join('lib', 'python3', 'site-packages')
  const infos = (await readdir(packages)).filter((name) => name.endsWith('.dist-info'))
  const expected: { path: string; size: number }[] = []
  for (const info of infos) {
    const list = await readFile(join(packages, info, 'RECORD'), 'utf8').catch(() => undefined)
    if (list === undefined) return join(info, 'RECORD')
    for (const line of list.split('\n')) {
      // Without a size: the list itself, and what Python compiles later.
      const [, path = '', size = ''] = /^"?(.+?)"?,[^,]*,(\d+)\r?$/.exec(line) ?? []
      if (size !== '') expected.push({ path, size: Number(size) })
    }
  }
  for (let at = 0; at < expected.length; at += AT_ONCE) {
    const some = expected.slice(at, at + AT_ONCE)
    const whole = await Promise.all(some.map(({ path, size }) => hasSize(join(packages, path), size)))
    const damaged = some[whole.indexOf(false)]
    if (damaged) return damaged.path
  }
  return undefined
}

async function sitePackages(environment: string): Promise<string | undefined> {
  const versions = await readdir(join(environment, 'lib')).catch(() => [])
  const version = versions.find((name) => /^python3\.\d+t?$/.test(name))
  return version === undefined ? undefined : join(environment, 'lib', version, 'site-packages')
}

async function hasSize(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.size === size
}
