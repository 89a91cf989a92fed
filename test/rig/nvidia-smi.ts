import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { temporaryFolder } from './temporary.ts'

/** One card as the stand-in tells of it; amounts in MiB. */
export interface FakeCard {
  uuid: string
  name?: string
  total?: number
  free?: number
  /** Percent of the time in which it computes; left out: not told. */
  use?: number
  /** Of processes that compute on it. */
  pids?: readonly number[]
  /** Uuids of its instances by profile, e.g. `1g.5gb`. */
  instances?: readonly (readonly [profile: string, uuid: string])[]
}

/** A stand-in for nvidia-smi that tells what it is set to. */
export interface FakeNvidiaSmi {
  /** PATH with it in front. */
  path: string
  set(cards: readonly FakeCard[]): void
}

// Each query as nvidia-smi knows it; another is refused as nvidia-smi would.
const script = (state: string): string => `#!/bin/sh
case "$1" in
  -L) exec cat '${state}/tree' ;;
  --query-gpu=index,uuid,name,memory.total) exec cat '${state}/cards' ;;
  --query-gpu=index,uuid,utilization.gpu,memory.used,memory.total) exec cat '${state}/activity' ;;
  --query-gpu=uuid,memory.free) exec cat '${state}/memory' ;;
  --query-compute-apps=gpu_uuid,pid) exec cat '${state}/apps' ;;
esac
echo "Field is not a valid field to query."
exit 2
`

/** Puts a stand-in for nvidia-smi into a folder of its own. */
export function fakeNvidiaSmi(cards: readonly FakeCard[]): FakeNvidiaSmi {
  const home = temporaryFolder()
  const bin = join(home, 'bin')
  mkdirSync(bin)
  const program = join(bin, 'nvidia-smi')
  writeFileSync(program, script(home))
  chmodSync(program, 0o755)
  const write = (name: string, lines: readonly string[]): void => {
    writeFileSync(join(home, `${name}.new`), lines.map((line) => `${line}\n`).join(''))
    renameSync(join(home, `${name}.new`), join(home, name))
  }
  const set = (now: readonly FakeCard[]): void => {
    const nameOf = ({ name = 'NVIDIA Test 80GB' }: FakeCard): string => name
    write(
      'cards',
      now.map((card, i) => `${i}, ${card.uuid}, ${nameOf(card)}, ${card.total ?? 81920}`),
    )
    write(
      'memory',
      now.map(({ uuid, total = 81920, free = total }) => `${uuid}, ${free}`),
    )
    write(
      'activity',
      now.map(({ uuid, use, total = 81920, free = total }, i) => {
        return `${i}, ${uuid}, ${use ?? '[N/A]'}, ${total - free}, ${total}`
      }),
    )
    write(
      'apps',
      now.flatMap(({ uuid, pids = [] }) => pids.map((pid) => `${uuid}, ${pid}`)),
    )
    write(
      'tree',
      now.flatMap((card, i) => [
        `GPU ${i}: ${nameOf(card)} (UUID: ${card.uuid})`,
        ...(card.instances ?? []).map(([profile, uuid], k) => `  MIG ${profile}     Device  ${k}: (UUID: ${uuid})`),
      ]),
    )
  }
  set(cards)
  return { path: `${bin}${delimiter}${process.env.PATH}`, set }
}
