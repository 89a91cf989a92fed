import { mkdir, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type ServiceContext, StageError } from '../define.ts'
import { openSource } from '../models/open-source.ts'
import { pythonTools } from '../python/environment.ts'
import type { GivenModel } from './base.ts'

/** Services of a stage for what it installs and downloads, with their progress as its own. */
export type PythonContext = Pick<
  ServiceContext<unknown>,
  'inputs' | 'scratch' | 'log' | 'processes' | 'tools' | 'signal' | 'progress'
>

/** A folder with the files of a model: a source is brought here once, files of the store and of encoders are linked into `scratch`. */
export async function givenModelFolder(model: GivenModel, context: PythonContext): Promise<string> {
  if (model.kind === 'source') {
    const { processes, tools, log, signal } = context
    const tell = tellVia(context)
    return openSource(
      { source: model.source, sha256: model.sha256, folder: context.scratch },
      { processes, tools, log, signal, tell, python: () => pythonTools({ processes, tools, log, signal, tell }) },
    )
  }
  const input = context.inputs[model.name]
  if (input?.type === 'path') {
    if (input.folder) return input.path
    throw new StageError('a base is a folder, and this is a file', {
      where: input.path,
      advice: 'Name the folder that has config.json or modules.json.',
    })
  }
  if (input?.type !== 'artifact' && input?.type !== 'encoder') throw new Error(`expected a model, got ${input?.type}`)
  const folder = join(context.scratch, model.name.replaceAll('/', '-'))
  for (const { path, location } of input.files) {
    const place = join(folder, path)
    await mkdir(dirname(place), { recursive: true })
    await symlink(resolve(location), place)
  }
  return folder
}

/** Tells of what goes on before the work that has a number of steps. */
export function tellVia({ progress }: Pick<PythonContext, 'progress'>): (note: string) => void {
  return (note) => progress(0, undefined, note)
}
