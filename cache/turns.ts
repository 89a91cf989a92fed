const TURN_MS = 20

/** Turns of `TURN_MS`, after which other work is given way to. */
export function turns(): { isOver(): boolean; next(): Promise<void> } {
  let began = performance.now()
  return {
    isOver: () => performance.now() - began >= TURN_MS,
    next: async () => {
      await new Promise((resolve) => setImmediate(resolve))
      began = performance.now()
    },
  }
}
