import { type FakeOpenai, fakeOpenai, type Reaction } from './fake-openai.ts'
import { writtenBy } from './small-project.ts'

/** A server that holds every request from the given one on until it is let go; `held` when it holds so many. */
export async function holding(
  from: number,
  atOnce: number,
): Promise<{ server: FakeOpenai; held: Promise<void>; release(): void }> {
  let count = 0
  let free = false
  let release = (): void => {}
  let onHeld = (): void => {}
  const held = new Promise<void>((resolve) => {
    onHeld = resolve
  })
  const gate = new Promise<void>((resolve) => {
    release = () => {
      free = true
      resolve()
    }
  })
  const server = await fakeOpenai((request): Reaction | Promise<Reaction> => {
    count++
    if (free || count < from) return writtenBy(request)
    if (count >= from + atOnce - 1) onHeld()
    return gate.then(() => writtenBy(request)) as Promise<Reaction>
  })
  return { server, held, release }
}
