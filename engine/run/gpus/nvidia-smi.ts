import { execFile } from 'node:child_process'
import type { Card, CardUse } from './card.ts'

/** A driver that has to wake its cards first takes seconds; one that hangs never answers. */
const ANSWER_MS = 30_000
const MIB = 1024 * 1024
const GB = 1000 ** 3

/**
 * The cards of this machine, those that are partitioned as their instances, in nvidia-smi's order; or why there are
 * none.
 */
export async function listCards(): Promise<{ cards: readonly Card[] } | { none: string }> {
  const [table, tree] = await Promise.all([query('gpu', 'index,uuid,name,memory.total'), ask('-L')]).catch(
    (error: Error) => [error] as const,
  )
  if (table instanceof Error) return { none: table.message }
  const instances = instancesOf(tree ?? '')
  const cards = table.flatMap(([index, uuid, name, memory]): Card[] => {
    if (!uuid) return []
    const card = { uuid, index: Number(index), name: name ?? '', memory: mebibytes(memory) }
    return instances.get(uuid)?.map((instance) => ({ ...card, ...instance })) ?? [card]
  })
  return cards.length > 0 ? { cards } : { none: 'nvidia-smi lists no cards' }
}

/** What others have of each card now, by its uuid. Instances of a partitioned card are not told apart, and left out. */
export async function useOfCards(): Promise<ReadonlyMap<string, CardUse>> {
  const [memory, processes] = await Promise.all([
    query('gpu', 'uuid,memory.free'),
    query('compute-apps', 'gpu_uuid,pid'),
  ])
  const use = new Map<string, { free: number; pids: number[] }>()
  for (const [uuid, free] of memory) if (uuid) use.set(uuid, { free: mebibytes(free), pids: [] })
  for (const [uuid, pid] of processes) if (Number(pid) > 0) use.get(uuid ?? '')?.pids.push(Number(pid))
  return use
}

/** Fields of every card, in nvidia-smi's names for them; a row a card. */
export function queryCards(fields: string): Promise<string[][]> {
  return query('gpu', fields)
}

// "  MIG 1g.5gb  Device 0: (UUID: MIG-…)" below "GPU 0: NVIDIA A100 (UUID: GPU-…)"; the profile names its memory.
function instancesOf(tree: string): Map<string, Pick<Card, 'uuid' | 'name' | 'memory'>[]> {
  const instances = new Map<string, Pick<Card, 'uuid' | 'name' | 'memory'>[]>()
  let card = ''
  for (const line of tree.split('\n')) {
    const uuid = /\(UUID: ([^)]+)\)/.exec(line)?.[1]
    if (uuid === undefined) continue
    const profile = /^\s+MIG (\S+)/.exec(line)?.[1]
    if (profile === undefined) card = uuid
    else {
      const size = /\.(\d+)gb/.exec(profile)?.[1]
      const memory = size === undefined ? Number.POSITIVE_INFINITY : Number(size) * GB
      instances.set(card, [...(instances.get(card) ?? []), { uuid, name: `MIG ${profile}`, memory }])
    }
  }
  return instances
}

async function query(what: 'gpu' | 'compute-apps', fields: string): Promise<string[][]> {
  const text = await ask(`--query-${what}=${fields}`, '--format=csv,noheader,nounits')
  return text
    .split('\n')
    .filter((line) => line.includes(','))
    .map((line) => line.split(',').map((field) => field.trim()))
}

// What is not known ("[N/A]", on machines whose cards share the main memory) sets no limit.
function mebibytes(text: string | undefined): number {
  const value = Number(text)
  return text && Number.isFinite(value) ? value * MIB : Number.POSITIVE_INFINITY
}

/** Rejects with words for people. */
function ask(...words: string[]): Promise<string> {
  const options = { timeout: ANSWER_MS, killSignal: 'SIGKILL', maxBuffer: 16 * MIB } as const
  return new Promise((resolve, reject) => {
    execFile('nvidia-smi', words, { ...options, env: { ...process.env, LC_ALL: 'C' } }, (error, stdout, stderr) => {
      if (!error) resolve(stdout)
      else if (error.code === 'ENOENT') reject(new Error('there is no nvidia-smi on the PATH'))
      else if (error.killed) reject(new Error(`nvidia-smi did not answer within ${ANSWER_MS / 1000} s`))
      else {
        const said = `${stdout}\n${stderr}`.split('\n').find((line) => line.trim() !== '')
        reject(new Error(`nvidia-smi failed: ${said?.trim() ?? error.message}`))
      }
    })
  })
}
