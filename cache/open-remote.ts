import type { Remote } from './remote.ts'
import type { RemoteConfig } from './remote-config.ts'
import { folderRemote } from './remote-folder.ts'
import { s3Remote } from './remote-s3.ts'

/** The remote that is configured so; nothing is asked of it before its first call. */
export function openRemote({ place }: RemoteConfig): Remote {
  return place.kind === 'folder' ? folderRemote(place.path) : s3Remote(place)
}
