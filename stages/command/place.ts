import { createReadStream, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { chmod, constants, copyFile, mkdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { hexOf, sha256, sha256Stream } from '../../cache/digest.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import { type SourceFile, StageError, type StageInput } from '../define.ts'
import { type CommandOptions, escapePointer } from './stage.ts'

/** Smaller files are copied (a reflink where the file system has them), so that a program may do with them as it likes. */
const MAX_COPIED_BYTES = 16 * 1024 * 1024

/** Still smaller ones are read once, and need no thread. */
const MAX_READ_BYTES = 256 * 1024

/** Longest name of a file that every file system takes, less what programs like to add. */
const MAX_ENTRY = 200

/** One input file of a command, and what it was when it was placed. */
export interface PlacedFile {
  location: string
  /** Its digest in the plan, in the form `sha256:...`; undefined where the plan knows it by something else. */
  digest: string | undefined
  size: bigint
  mtimeNs: bigint
}

interface FileToPlace {
  /** Where it goes, inside the command's folder. */
  place: string
  location: string
  digest: string | undefined
  executable: boolean
}

/**
 * Puts the declared inputs into the command's folder. Copies are compared with the digests of the plan; larger files
 * are symbolic links. Never hard links: writing to one would write to the original.
 */
export async function placeInputs(
  { inputs: declared }: CommandOptions,
  inputs: { readonly [name: string]: StageInput },
  work: string,
): Promise<PlacedFile[]> {
  const placed: PlacedFile[] = []
  const folders = new Set([work])
  for (const name of Object.keys(declared)) {
    for (const [place, input] of placesOf(name, inputs)) {
      if (!standsAlone(input)) await mkdir(path.join(work, place), { recursive: true })
      for (const file of filesOf(place, input)) placed.push(await placeFile(file, work, folders))
    }
  }
  return placed
}

/** Where an input goes: under its name; of a list over variants, each member into a folder of that name. */
function placesOf(name: string, inputs: { readonly [name: string]: StageInput }): [string, StageInput][] {
  const pointer = `inputs/${escapePointer(name)}`
  const input = inputs[pointer]
  if (input) return [[name, input]]
  const members = Object.entries(inputs).filter(([other]) => other.startsWith(`${pointer}/`))
  if (members.length === 0) throw new Error(`no input ${name}`)
  return members.map(([member, one]) => [`${name}/${entryName(member.slice(pointer.length + 1))}`, one])
}

/** The label of a variant, out of a pointer, as one file name; what is too long for one ends in a digest. */
function entryName(label: string): string {
  const name = label.replaceAll('~1', '%2F').replaceAll('~0', '~').replaceAll('\\', '%5C')
  return Buffer.byteLength(name) <= MAX_ENTRY
    ? name
    : `${[...name].slice(0, 40).join('')}-${hexOf(sha256(name)).slice(0, 32)}`
}

async function placeFile(
  { place, location, digest, executable }: FileToPlace,
  work: string,
  folders: Set<string>,
): Promise<PlacedFile> {
  const target = path.join(work, place)
  const folder = path.dirname(target)
  if (!folders.has(folder)) mkdirSync(folder, { recursive: true })
  folders.add(folder)
  const { size, mtimeNs } = statSync(location, { bigint: true })
  if (size <= MAX_READ_BYTES) {
    const bytes = readFileSync(location)
    if (digest !== undefined && sha256(bytes) !== digest) throw changed(location)
    writeFileSync(target, bytes, { mode: executable ? 0o755 : 0o644 })
  } else if (size > MAX_COPIED_BYTES) await symlink(location, target)
  else {
    await copyFile(location, target, constants.COPYFILE_FICLONE)
    await chmod(target, executable ? 0o755 : 0o644)
    if (digest !== undefined && (await digestOf(target)) !== digest) throw changed(location)
  }
  return { location, digest, size, mtimeNs }
}

/** Looks at every input again after the command: one whose content is not that of the plan is a StageError. */
export async function checkUnchanged(placed: readonly PlacedFile[]): Promise<void> {
  for (const { location, digest, size, mtimeNs } of placed) {
    const now = statSync(location, { bigint: true, throwIfNoEntry: false })
    if (now?.size === size && now.mtimeNs === mtimeNs) continue
    if (!now || digest === undefined || (await digestOf(location)) !== digest) throw changed(location)
  }
}

function changed(location: string): StageError {
  return new StageError('an input changed while it was used', {
    where: location,
    advice: 'Run again; the result of this attempt was thrown away.',
  })
}

async function digestOf(location: string): Promise<string> {
  const running = sha256Stream()
  await pipeline(createReadStream(location, { highWaterMark: 1 << 20 }), async (chunks) => {
    for await (const chunk of chunks) running.update(chunk as Buffer)
  })
  return running.digest()
}

/** Whether the input stands under its name as one file, rather than as a folder. */
function standsAlone(input: StageInput): boolean {
  return input.type === 'path' ? !input.folder : input.type === 'artifact' && input.kind === 'file'
}

function filesOf(name: string, input: StageInput): FileToPlace[] {
  switch (input.type) {
    case 'artifact':
      return input.files.map(({ path: inside, location, blob, executable }) => ({
        place: standsAlone(input) ? name : `${name}/${inside}`,
        location,
        digest: blob,
        executable,
      }))
    case 'path':
      return input.files.map(({ path: inside, location, digest, executable }) => ({
        place: standsAlone(input) ? name : `${name}/${inside}`,
        location,
        digest,
        executable,
      }))
    case 'dataset':
      return (
        [
          ['corpus', input.corpus],
          ['queries', input.queries],
          [`qrels/${input.split ?? 'all'}`, input.qrels],
        ] as const
      ).flatMap(([part, file]) => (file ? filesOfSource(`${name}/${part}`, file) : []))
    case 'llm':
    case 'encoder':
    case 'cross-encoder':
    case 'prompt':
      throw new Error(`a command takes no ${input.type}`)
    default:
      return unreachable(input)
  }
}

/** As they lie: a command unpacks archives and renames columns itself. Only a plain file is known by its bytes alone. */
function filesOfSource(place: string, { location, digest, files, reading }: SourceFile): FileToPlace[] {
  if (!files) {
    const own = { place: place + suffixOf(location), location, executable: false }
    return [{ ...own, digest: reading === undefined ? digest : undefined }]
  }
  const found = (file: string): FileToPlace => ({
    place: `${place}/${file}`,
    location: path.join(location, file),
    digest: undefined,
    executable: false,
  })
  return files.map(found)
}

function suffixOf(location: string): string {
  return /(\.[A-Za-z0-9]+(\.gz)?)$/.exec(path.basename(location))?.[1] ?? ''
}
