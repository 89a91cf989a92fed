import { constants, lstatSync, mkdirSync, rmdirSync, statfsSync } from 'node:fs'
import { chmod, copyFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type BundleManifest, badBundle } from '../../cache/bundle/format.ts'
import type { BundleLimits } from '../../cache/bundle/manifest.ts'
import { type BundleSignature, type OpenBundle, openBundle } from '../../cache/bundle/read-bundle.ts'
import type { Sha256 } from '../../cache/digest.ts'
import { fsyncFile, fsyncFolder } from '../../cache/durable.ts'
import { makePrivateFolder } from '../../cache/private-folder.ts'
import { removeTree } from '../../cache/remove-tree.ts'
import { loadTrust } from '../../cache/signing.ts'
import { openStore } from '../../cache/store.ts'
import { asStoreError, StoreError } from '../../cache/store-error.ts'
import { IMPORT_MARKER, openTrustMarks } from '../../cache/trust-marks.ts'
import { unreachable } from '../util/unreachable.ts'
import { takeIn, type UnpackedBundle } from './take-in.ts'

/** How a bundle is taken in. */
export interface ImportOptions {
  limits: BundleLimits
  /** Take it although no trusted key signed it. */
  unsigned: boolean
}

/** What was placed. */
export interface Imported {
  folder: string
  /** Path of the pipeline file. */
  pipeline: string
  digest: string
  signature: BundleSignature
  manifest: BundleManifest
}

const QUARANTINE = '.queryloom-quarantine'
const MARKER_TEXT = `The files in this folder came with the bundle named above. What their pipelines would execute
or contact is not done before you trust it: queryloom trust FILE
`

/**
 * Checks all of a bundle in a quarantine folder beside `folder`, and only then places it there, in one step. Throws a
 * StoreError that says what is wrong; then nothing is left behind. Nothing is ever overwritten.
 */
export async function importBundle(path: string, folder: string, options: ImportOptions): Promise<Imported> {
  if (lstatSync(folder, { throwIfNoEntry: false })) throw exists(folder)
  const bundle = await openBundle(path, loadTrust(), options.limits)
  const quarantine = join(dirname(folder), QUARANTINE)
  let own: string | undefined
  try {
    checkSigner(bundle.signature, options.unsigned, path)
    checkRoom(bundle.manifest, dirname(folder))
    mkdirSync(dirname(folder), { recursive: true })
    own = makePrivateFolder(quarantine)
    const blobs = join(own, 'blobs')
    const content = join(own, 'content')
    mkdirSync(blobs)
    mkdirSync(content)
    await bundle.unpack(blobs)
    const unpacked: UnpackedBundle = { path, manifest: bundle.manifest, folder: blobs }
    await placeFiles(bundle, blobs, content)
    await fillStore(unpacked, bundle, content)
    const { digest, manifest, signature } = bundle
    await openTrustMarks().imported(digest, yamlFiles(manifest))
    await publish(content, folder)
    return { folder, pipeline: join(folder, manifest.pipeline), digest, signature, manifest }
  } catch (error) {
    throw asStoreError(error, 'the bundle', dirname(folder))
  } finally {
    await bundle.close()
    if (own !== undefined) removeTree(own)
    try {
      rmdirSync(quarantine)
    } catch {
      // Somebody else imports beside it, or it was never made.
    }
  }
}

function checkSigner(signature: BundleSignature, unsigned: boolean, path: string): void {
  switch (signature.kind) {
    case 'trusted':
      return
    case 'none':
      if (unsigned) return
      throw badBundle(
        'nobody signed it',
        path,
        'ask for a signed one, or take it as it is with --unsigned: its results and answers are then believed unseen',
      )
    case 'unknown':
      if (unsigned) return
      throw badBundle(
        `it is signed with a key that you don't trust: ${signature.key}`,
        path,
        'if you know whose key this is: queryloom keys trust NAME KEY; else --unsigned takes it as if nobody had signed it',
      )
    default:
      unreachable(signature)
  }
}

// Once as blobs, once as files or in the store.
function checkRoom({ blobs, files }: BundleManifest, place: string): void {
  const needed = [...blobs, ...files].reduce((sum, { size }) => sum + size, 0)
  let at = place
  while (!lstatSync(at, { throwIfNoEntry: false }) && dirname(at) !== at) at = dirname(at)
  const { bavail, bsize } = statfsSync(at)
  if (needed <= bavail * bsize) return
  throw new StoreError(`it needs ${needed} bytes, and there are ${bavail * bsize}`, {
    problem: 'no-space',
    where: place,
    advice: 'free some space, or import it elsewhere',
  })
}

async function placeFiles({ manifest, digest }: OpenBundle, blobs: string, content: string): Promise<void> {
  const folders = new Set([content])
  for (const { path, mode, sha256 } of manifest.files) {
    const target = join(content, path)
    mkdirSync(dirname(target), { recursive: true })
    await copyFile(join(blobs, sha256), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    await chmod(target, (mode === '755' ? 0o777 : 0o666) & ~process.umask())
    await fsyncFile(target)
    for (let at = dirname(target); !folders.has(at); at = dirname(at)) folders.add(at)
  }
  const marker = join(content, IMPORT_MARKER)
  await writeFile(marker, `${digest}\n\n${MARKER_TEXT}`, { flag: 'wx', flush: true })
  for (const at of folders) await fsyncFolder(at)
}

// The folder has a store of its own, and so is a project of its own, wherever it stands.
async function fillStore(
  unpacked: UnpackedBundle,
  { manifest, digest, signature }: OpenBundle,
  content: string,
): Promise<void> {
  const store = await openStore(join(content, '.queryloom'))
  try {
    const signer = signature.kind === 'trusted' ? signature.signer : 'unsigned'
    const { pipeline } = manifest
    await takeIn(unpacked, store, { project: '.', pipeline, run: 'import', origin: { bundle: digest, signer } })
  } finally {
    await store.close()
  }
}

function yamlFiles({ pipeline, files }: BundleManifest): Sha256<string>[] {
  const yaml = files.filter(({ path }) => path === pipeline || /\.ya?ml$/i.test(path))
  return yaml.map(({ sha256 }) => `sha256:${sha256}` as Sha256<string>)
}

async function publish(content: string, folder: string): Promise<void> {
  try {
    await rename(content, folder)
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw exists(folder)
    throw error
  }
  await fsyncFolder(dirname(folder))
}

function exists(folder: string): StoreError {
  return new StoreError(`${basename(folder)} is there already, and nothing is ever overwritten`, {
    problem: 'bad-file',
    where: folder,
    advice: 'name another folder, or remove this one',
  })
}
