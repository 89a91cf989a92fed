import { queryCards } from './nvidia-smi.ts'
import { visibleCards } from './visible.ts'

const MIB = 1024 * 1024

/** What a graphics card does at this moment. */
export interface CardActivity {
  index: number
  /** Share of the last moments in which it computed, in percent; undefined where the driver does not say. */
  use: number | undefined
  /** Bytes of its memory. */
  used: number | undefined
  total: number | undefined
}

/** What the cards that a run may use do now, in nvidia-smi's order. Rejects where there is no nvidia-smi. */
export async function activityOfCards(
  preset: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
): Promise<readonly CardActivity[]> {
  if (preset === '') return []
  const rows = await queryCards('index,uuid,utilization.gpu,memory.used,memory.total')
  const cards = rows.map(([index = '', uuid = '', use, used, total]) => ({
    uuid,
    index: Number(index),
    name: '',
    memory: 0,
    activity: { index: Number(index), use: known(use), used: inBytes(used), total: inBytes(total) },
  }))
  const visible = new Set(visibleCards(cards, preset).map(({ uuid }) => uuid))
  return cards.filter(({ uuid }) => visible.has(uuid)).map(({ activity }) => activity)
}

// "[N/A]" stands for what a card does not tell.
function known(text: string | undefined): number | undefined {
  const value = Number(text)
  return text !== undefined && text !== '' && Number.isFinite(value) ? value : undefined
}

function inBytes(mebibytes: string | undefined): number | undefined {
  const value = known(mebibytes)
  return value === undefined ? undefined : value * MIB
}
