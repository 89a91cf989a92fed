import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../rig/temporary.ts'
import { scripts } from '../models/setup.ts'

/** A uv, as a shell script, that installs one package of two files, and notes how it was called. */
export const STAND_IN_UV = `
echo "$@" >> "$0.calls"
for last; do :; done
if [ "$1" = venv ]; then mkdir -p "$last/bin"; echo p > "$last/bin/python"; exit 0; fi
while [ "$1" != --python ]; do shift; done
site=$(dirname $(dirname "$2"))/lib/python3.12/site-packages
mkdir -p "$site/toy" "$site/toy-1.dist-info"
printf 12345 > "$site/toy/a.py"
printf 123 > "$site/toy/b, c.py"
printf 'toy/a.py,sha256=x,5\\n"toy/b, c.py",sha256=x,3\\ntoy-1.dist-info/RECORD,,\\n' > "$site/toy-1.dist-info/RECORD"
`

/** A PATH with a stand-in for the Python of an environment: this script, in a folder where it may leave notes. */
export function standInPython(
  script: string,
  more: (notes: string) => { readonly [program: string]: string } = () => ({}),
): { notes: string; path: string } {
  const notes = temporaryFolder()
  writeFileSync(join(notes, 'script.mjs'), script)
  const python = `#!/bin/sh\nexec "${process.execPath}" "${notes}/script.mjs" "$@"\n`
  writeFileSync(join(notes, 'python'), python, { mode: 0o755 })
  const uv = STAND_IN_UV.replace('echo p > "$last/bin/python"', `cp "${notes}/python" "$last/bin/python"`)
  return { notes, path: `${scripts({ python3: 'echo "3.12.1 $0"', uv, ...more(notes) })}:/bin:/usr/bin` }
}
