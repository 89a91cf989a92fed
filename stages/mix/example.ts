import { hash64 } from '../../cache/xxh.ts'
import { normalise } from '../text/normalise.ts'

/** A query and a passage that answers it, before it becomes a row. */
export interface Example {
  /** Index of its source among the stage's sources. */
  source: number
  kind: 'labelled' | 'synthetic'
  query_id: string
  passage_id: string
  anchor: string
  /** The anchor in the form in which anchors are compared. */
  normalised: string
  /** Text of the passage as encoders read it. */
  positive: string
  /** Stands for the positive wherever passages are compared by text. */
  positiveKey: TextKey
}

/** XXH64 of a normalised text: equal for texts that differ in case, punctuation and spacing only. */
export type TextKey = bigint

/** The key of a text; `loadXxh()` must have been awaited. */
export function textKey(text: string): TextKey {
  return hash64(normalise(text))
}

/** Passages that are known to answer an anchor, over all sources. */
export class KnownPositives {
  readonly #texts = new Map<string, Set<TextKey>>()
  readonly #ids = new Map<string, Set<string>>()

  constructor(examples: Iterable<Example>, corpusOfSource: (source: number) => string | undefined) {
    for (const { source, normalised, passage_id, positiveKey } of examples) {
      into(this.#texts, normalised, positiveKey)
      into(this.#ids, `${corpusOfSource(source)}\t${normalised}`, passage_id)
    }
  }

  /** Keeps a passage from being a negative of the anchor although it does not answer it. */
  spare(normalisedAnchor: string, text: TextKey): void {
    into(this.#texts, normalisedAnchor, text)
  }

  /** By normalised anchor and by text of the passage, whatever source says so. */
  has(normalisedAnchor: string, text: TextKey): boolean {
    return this.#texts.get(normalisedAnchor)?.has(text) ?? false
  }

  /** Ids within one corpus of the passages that answer the anchor. */
  idsIn(corpus: string, normalisedAnchor: string): ReadonlySet<string> {
    return this.#ids.get(`${corpus}\t${normalisedAnchor}`) ?? NONE
  }
}

const NONE: ReadonlySet<string> = new Set()

function into<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = map.get(key)
  if (set) set.add(value)
  else map.set(key, new Set([value]))
}
