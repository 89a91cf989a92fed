import { join, resolve } from 'node:path'
import { configFolder } from '../../../cache/config-folder.ts'
import { readRemotes, remoteFiles } from '../../../cache/remote-config.ts'
import { projectRoot } from '../../parse/project-root.ts'
import { textTable } from '../../report/text-table.ts'
import { ExitStatus } from '../exit-status.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson } from '../print.ts'

/** `queryloom remotes`: what is configured for the project that the current folder is in; no remote is asked. */
export async function remotesCommand(options: CommonOptions): Promise<ExitStatus> {
  const root = projectRoot(process.cwd())
  const store = options.home === undefined ? join(root, '.queryloom') : resolve(options.home)
  const remotes = await readRemotes(remoteFiles(root, store, configFolder()))
  const rows = remotes.map(({ name, place, write, unsigned, file }) => ({
    name,
    place: place.kind === 'folder' ? place.path : `s3://${[place.bucket, place.prefix].filter(Boolean).join('/')}`,
    write,
    unsigned,
    file,
  }))
  if (options.json) printJson(rows)
  else if (rows.length === 0) process.stderr.write('no remote is configured: see docs/sharing.md\n')
  else {
    const columns = ['name', 'place', 'push', 'signatures', 'written in'].map((title) => ({
      title,
      align: 'left' as const,
    }))
    const cells = rows.map(({ name, place, write, unsigned, file }) => [
      name,
      place,
      write ? 'yes' : 'no',
      unsigned ? 'not needed' : 'needed',
      file,
    ])
    print(textTable(columns, cells))
  }
  return ExitStatus.ok
}
