import { activityOfCards, type CardActivity } from '../../run/gpus/card-activity.ts'
import { bytes } from '../words.ts'

/** From one look at the cards to the next. */
const LOOK_MS = 3_000

/** Looks at the graphics cards every few seconds while a run is shown. */
export interface CardWatch {
  /** What they do, on one line; undefined where there are none. */
  text(): string | undefined
  close(): void
}

/** Begins to look; where there is no nvidia-smi, it looks once. `look` never has two of itself going on. */
export function watchCards(look: () => Promise<readonly CardActivity[]> = activityOfCards): CardWatch {
  let cards: readonly CardActivity[] = []
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const again = (): void => {
    look().then(
      (found) => {
        cards = found
        if (closed || found.length === 0) return
        timer = setTimeout(again, LOOK_MS)
        timer.unref()
      },
      () => {
        cards = []
      },
    )
  }
  again()
  return {
    text: () => (cards.length === 0 ? undefined : cards.map(cardText).join('; ')),
    close: () => {
      closed = true
      clearTimeout(timer)
    },
  }
}

function cardText({ index, use, used, total }: CardActivity): string {
  const parts = [
    ...(use === undefined ? [] : [`${use} %`]),
    ...(used === undefined || total === undefined ? [] : [`${bytes(used)} of ${bytes(total)}`]),
  ]
  return `GPU ${index}: ${parts.join(', ') || 'not known'}`
}
