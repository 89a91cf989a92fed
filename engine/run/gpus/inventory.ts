import { byteText } from '../../util/byte-size.ts'
import type { Card } from './card.ts'
import { listCards } from './nvidia-smi.ts'
import { visibleCards } from './visible.ts'

/** The cards that a run may use, and what was found, in words. */
export interface GpuInventory {
  cards: readonly Card[]
  found: string
}

/** Looks which cards this machine has and a preset CUDA_VISIBLE_DEVICES leaves. Never rejects. */
export async function takeInventory(
  preset: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
): Promise<GpuInventory> {
  if (preset === '') return { cards: [], found: 'none: CUDA_VISIBLE_DEVICES is empty' }
  const listed = await listCards()
  if ('none' in listed) return { cards: [], found: `none: ${listed.none}` }
  const cards = visibleCards(listed.cards, preset)
  const left =
    preset === undefined ? '' : ` (CUDA_VISIBLE_DEVICES=${preset} leaves ${cards.length} of ${listed.cards.length})`
  return { cards, found: `${cards.map(cardText).join(', ') || 'none'}${left}` }
}

function cardText({ index, name, memory }: Card): string {
  return `${index}: ${name}${Number.isFinite(memory) ? `, ${byteText(memory)}` : ''}`
}
