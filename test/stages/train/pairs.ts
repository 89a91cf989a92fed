const TOPICS = ['harbour', 'orchard', 'furnace', 'glacier', 'library', 'railway', 'volcano', 'bakery']
const THINGS = ['quay', 'apples', 'smelting', 'icefall', 'shelves', 'sleepers', 'lava', 'bread']
const SIZES = ['small', 'large', 'old', 'quiet']

/** Queries name a topic, passages tell of it in other words: only training can bring the two together. */
export const PAIRS: readonly { anchor: string; positive: string; source: string }[] = TOPICS.flatMap((topic, i) =>
  SIZES.map((size) => ({
    anchor: `where is the ${size} ${topic}`,
    positive: `one may see ${THINGS[i]} of a ${size} kind here`,
    source: 'labelled',
  })),
)
