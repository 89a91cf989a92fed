import type { Card } from './card.ts'

/**
 * The cards that a preset CUDA_VISIBLE_DEVICES leaves, in its order, read as CUDA reads it: indices (as nvidia-smi
 * counts) or beginnings of uuids, until the first that names nothing; empty means none. All of them where it is not set.
 * An index that stands for a partitioned card means its first instance.
 */
export function visibleCards(cards: readonly Card[], preset: string | undefined): readonly Card[] {
  if (preset === undefined) return cards
  const visible = new Set<Card>()
  for (const word of preset.split(',').map((part) => part.trim())) {
    const card = /^\d+$/.test(word)
      ? cards.find(({ index }) => index === Number(word))
      : /^(GPU|MIG)-./.test(word)
        ? onlyOne(cards.filter(({ uuid }) => uuid.startsWith(word)))
        : undefined
    if (!card) break
    visible.add(card)
  }
  return [...visible]
}

function onlyOne<Item>(items: readonly Item[]): Item | undefined {
  return items.length === 1 ? items[0] : undefined
}
