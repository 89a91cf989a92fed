import {
  type BigIntStats,
  closeSync,
  createReadStream,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { chmod, constants, copyFile, mkdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { hexOf, sha256, sha256Stream } from '../../cache/digest.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import { type ServiceContext, type SourceFile, StageError, type StageInput } from '../define.ts'
import { copyOf, KeptCopies, kinOf } from './kept-copies.ts'
import { type CommandOptions, escapePointer } from './stage.ts'

/** Smaller files are copied (a reflink where the file system has them), so that a program may do with them as it likes. */
const MAX_COPIED_BYTES = 16 * 1024 * 1024

/** Still smaller ones are read once, and need no thread. */
const MAX_READ_BYTES = 256 * 1024

/** Longest name of a file that every file system takes, less what programs like to add. */
const MAX_ENTRY = 200

/** Copying fewer files takes no longer than to see that they are still the same. */
const MIN_KEPT = 500

/**
 * One input file of a command that it reads where it lies, or whose copy was compared with nothing, and what it was when
 * it was placed. A copy that was compared is right whatever becomes of its original.
 */
export interface UsedFile {
  location: string
  /** Its digest in the plan, in the form `sha256:...`; undefined where the plan knows it by something else. */
  digest: string | undefined
  size: bigint
  mtimeNs: bigint
}

interface FileToPlace {
  /** Where it goes, inside the input's place; empty if that is the file. */
  inside: string
  location: string
  digest: string | undefined
  executable: boolean
}

/**
 * Puts the declared inputs into the command's folder. Copies are compared with the digests of the plan; larger files
 * are symbolic links. Never hard links: writing to one would write to the original. Copies of large folders that the
 * command leaves as they are serve the next one.
 */
export async function placeInputs(
  context: Pick<ServiceContext<CommandOptions>, 'node' | 'options' | 'inputs' | 'scratch' | 'copies'>,
): Promise<UsedFile[]> {
  const { options, inputs, scratch } = context
  const placing: Placing = { used: [], folders: new Set([scratch]) }
  for (const name of Object.keys(options.inputs)) {
    for (const [place, input] of placesOf(name, inputs)) {
      const target = path.join(scratch, place)
      const files = filesOf(input)
      if (context.copies && files.length >= MIN_KEPT && files.every(({ digest }) => digest !== undefined)) {
        await placeAmongKept(target, files, placing, { kin: kinOf(...sourceOf(place, input, context)), context })
        continue
      }
      if (!standsAlone(input)) await mkdir(target, { recursive: true })
      for (const file of files) await placeFile(file, target, placing)
    }
  }
  return placing.used
}

interface Placing {
  used: UsedFile[]
  /** Folders that are there. */
  folders: Set<string>
}

/** Places only what does not stand already in a folder that was kept, and has it kept again if the node succeeds. */
async function placeAmongKept(
  target: string,
  files: readonly FileToPlace[],
  placing: Placing,
  { kin, context }: { kin: string; context: Pick<ServiceContext<CommandOptions>, 'scratch' | 'copies'> },
): Promise<void> {
  const { folder, onStored } = context.copies as NonNullable<typeof context.copies>
  const kept = new KeptCopies(folder, context.scratch)
  const copies = kept.take(kin, target, new Map(files.map((file) => [file.inside, file])))
  await mkdir(target, { recursive: true })
  for (const file of files) {
    const { inside, digest, executable } = file
    if (copies.has(inside)) continue
    const made = await placeFile(file, target, placing)
    if (made && digest !== undefined) copies.set(inside, copyOf({ digest, executable }, made))
  }
  if (await kept.settled(copies.values())) onStored(() => kept.keep(kin, target, copies))
}

/** What folders that resemble each other have in common: where they lie, or which stage reads what another made. */
function sourceOf(place: string, input: StageInput, { node }: { node: string }): readonly string[] {
  return input.type === 'path' ? ['path', input.path] : ['stage', node.replace(/\[.*/s, ''), place]
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

/** The copy's stat when it was complete; undefined for a link. */
async function placeFile(
  { inside, location, digest, executable }: FileToPlace,
  root: string,
  { used, folders }: Placing,
): Promise<BigIntStats | undefined> {
  const target = inside === '' ? root : path.join(root, inside)
  const folder = path.dirname(target)
  if (!folders.has(folder)) mkdirSync(folder, { recursive: true })
  folders.add(folder)
  const { size, mtimeNs } = statSync(location, { bigint: true })
  if (digest === undefined || size > MAX_COPIED_BYTES) used.push({ location, digest, size, mtimeNs })
  if (size > MAX_COPIED_BYTES) {
    await symlink(location, target)
    return undefined
  }
  if (size <= MAX_READ_BYTES) {
    const bytes = readFileSync(location)
    if (digest !== undefined && sha256(bytes) !== digest) throw changed(location)
    return writeCopy(target, bytes, executable ? 0o755 : 0o644)
  }
  await copyFile(location, target, constants.COPYFILE_FICLONE)
  await chmod(target, executable ? 0o755 : 0o644)
  if (digest !== undefined && (await digestOf(target)) !== digest) throw changed(location)
  return statSync(target, { bigint: true })
}

function writeCopy(target: string, bytes: Uint8Array, mode: number): BigIntStats {
  const fd = openSync(target, 'wx', mode)
  try {
    writeFileSync(fd, bytes)
    return fstatSync(fd, { bigint: true })
  } finally {
    closeSync(fd)
  }
}

/** Looks at these files again after the command: one whose content is not that of the plan is a StageError. */
export async function checkUnchanged(used: readonly UsedFile[]): Promise<void> {
  for (const { location, digest, size, mtimeNs } of used) {
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

function filesOf(input: StageInput): FileToPlace[] {
  switch (input.type) {
    case 'artifact':
      return input.files.map(({ path: inside, location, blob, executable }) => ({
        inside: standsAlone(input) ? '' : inside,
        location,
        digest: blob,
        executable,
      }))
    case 'path':
      return input.files.map(({ path: inside, location, digest, executable }) => ({
        inside: standsAlone(input) ? '' : inside,
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
      ).flatMap(([part, file]) => (file ? filesOfSource(part, file) : []))
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
function filesOfSource(part: string, { location, digest, files, reading }: SourceFile): FileToPlace[] {
  if (!files) {
    const own = { inside: part + suffixOf(location), location, executable: false }
    return [{ ...own, digest: reading === undefined ? digest : undefined }]
  }
  const found = (file: string): FileToPlace => ({
    inside: `${part}/${file}`,
    location: path.join(location, file),
    digest: undefined,
    executable: false,
  })
  return files.map(found)
}

function suffixOf(location: string): string {
  return /(\.[A-Za-z0-9]+(\.gz)?)$/.exec(path.basename(location))?.[1] ?? ''
}
