import { configFolder } from '../../cache/config-folder.ts'
import { openRemote } from '../../cache/open-remote.ts'
import { RemoteError } from '../../cache/remote.ts'
import { type RemoteConfig, readRemotes, remoteFiles } from '../../cache/remote-config.ts'
import type { Finding } from '../../stages/define.ts'

/** Whether each remote of a project answers; one object is asked for that none has. */
export async function examineRemotes(root: string, store: string): Promise<readonly Finding[]> {
  const remotes = await readRemotes(remoteFiles(root, store, configFolder()))
  return Promise.all(remotes.map(examineRemote))
}

async function examineRemote(config: RemoteConfig): Promise<Finding> {
  const name = `remote ${config.name}`
  const { place } = config
  const remote = openRemote(config)
  try {
    const pieces = await remote.read('is-it-there', 0, AbortSignal.timeout(config.timeoutMs))
    await pieces?.[Symbol.asyncIterator]().return?.()
    const where = place.kind === 'folder' ? place.path : `s3://${place.bucket}`
    return { name, status: 'ok', message: `${where} answers` }
  } catch (error) {
    const advice = (error instanceof RemoteError ? error.advice : undefined) ?? `Look at its entry in ${config.file}.`
    return { name, status: 'error', message: (error as Error).message, advice }
  } finally {
    remote.close()
  }
}
