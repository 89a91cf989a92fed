import type { HeldLock } from '../../../cache/file-lock.ts'
import type { NodeId } from '../../plan/node.ts'
import type { Gate } from '../ready-queue.ts'
import { allot } from './allot.ts'
import type { Card, CardRequest, CardUse } from './card.ts'
import type { CardLocks } from './card-locks.ts'
import type { GpuNeeds } from './needs.ts'

/** A look at the cards says something of them for so long. */
const FRESH_MS = 5_000
/** Nothing tells when another process lets go of a card: looks come after these pauses, the last again and again. */
const LOOK_AGAIN_MS = [500, 1_000, 2_000, 5_000]

/** What the desk needs of the run. */
export interface DeskServices {
  cards: readonly Card[]
  needs: ReadonlyMap<NodeId, GpuNeeds>
  locks: CardLocks
  /** What others have of the cards now. */
  look(): Promise<ReadonlyMap<string, CardUse>>
  /** Ends the server of a model, if there is one; resolves when nothing of it lives. */
  stopServer(model: string): Promise<void>
  isServerUp(model: string): boolean
  /** Told when a node waits for what others hold. */
  onWait(node: NodeId, why: string): void
}

/** A server's cards, kept for it while nodes of the run need it, unless somebody else needs them more. */
interface ServerLease {
  cards: readonly string[]
  users: Set<NodeId>
  stopping?: Promise<void>
}

type Wanted = CardRequest & { key: string }

/**
 * Lends cards to the nodes of a run and to the servers of their models: a node gets all that it needs before it starts,
 * or nothing, so that nobody holds cards while waiting for others. An idle server gives way to a node that needs its
 * cards; a card that computes for a process of somebody else, or is held by another engine, is passed over.
 */
export class GpuDesk implements Gate {
  readonly #services: DeskServices
  readonly #held = new Map<string, HeldLock>()
  readonly #nodes = new Map<NodeId, readonly string[]>()
  /** By model; the least recently used first. */
  readonly #servers = new Map<string, ServerLease>()
  /** Why a card can't be had, as far as others are the reason. */
  readonly #taken = new Map<string, string>()
  #use: ReadonlyMap<string, CardUse> | undefined
  #usedAt = 0
  #looks = 0
  #timer: NodeJS.Timeout | undefined
  #looking = false
  /** Raised with every card given back: a look from before says nothing any more. */
  #releases = 0
  #closed = false
  #onChange: () => void = () => {}
  readonly #told = new Map<NodeId, string>()

  constructor(services: DeskServices) {
    this.#services = services
  }

  listen(onChange: () => void): void {
    this.#onChange = onChange
  }

  /** The cards that a node holds for itself. */
  cardsOf(node: NodeId): readonly string[] {
    return this.#nodes.get(node) ?? []
  }

  /** The cards of a model's server; undefined if it needs none. */
  cardsOfServer(model: string): readonly string[] | undefined {
    return this.#servers.get(model)?.cards
  }

  enter(id: NodeId, sparing: NodeId | undefined): boolean {
    const needs = this.#needsOf(id)
    const spared = sparing === undefined ? new Set<string>() : this.#couldUse(sparing)
    for (const model of needs.servers.keys()) {
      const server = this.#servers.get(model)
      // It comes back as soon as the server is gone.
      if (server?.stopping || server?.cards.some((uuid) => spared.has(uuid))) return false
    }
    const wanted = this.#wanted(needs)
    if (wanted.length > 0 && !this.#lend(id, wanted, spared)) return false
    for (const model of needs.servers.keys()) {
      const server = this.#servers.get(model) as ServerLease
      server.users.add(id)
      // The order of a map is that of insertion.
      this.#servers.delete(model)
      this.#servers.set(model, server)
    }
    this.#told.delete(id)
    return true
  }

  isOurs(id: NodeId): boolean {
    const free = this.#services.cards
      .filter(({ uuid }) => !this.#taken.has(uuid))
      .map(({ uuid, memory }) => ({
        uuid,
        free: this.#held.has(uuid) ? memory : (this.#use?.get(uuid)?.free ?? memory),
      }))
    return allot(this.#wanted(this.#needsOf(id)), free) !== undefined
  }

  /** Takes back what a node held, once nothing of it lives; servers that were set aside and never started go too. */
  leave(id: NodeId): void {
    if (!this.#services.needs.has(id)) return
    this.#release(this.#nodes.get(id) ?? [])
    this.#nodes.delete(id)
    for (const [model, server] of this.#servers) {
      if (!server.users.delete(id) || server.users.size > 0 || server.stopping) continue
      if (this.#services.isServerUp(model)) continue
      this.#servers.delete(model)
      this.#release(server.cards)
    }
    this.#onChange()
  }

  /** Ends a model's server and takes back its cards. */
  retire(model: string): Promise<void> {
    const server = this.#servers.get(model)
    if (!server) return this.#services.stopServer(model)
    server.stopping ??= this.#services.stopServer(model).then(() => {
      this.#servers.delete(model)
      this.#release(server.cards)
      this.#onChange()
    })
    return server.stopping
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#onChange = () => {}
    this.#release([...this.#held.keys()])
  }

  #needsOf(id: NodeId): GpuNeeds {
    return this.#services.needs.get(id) as GpuNeeds
  }

  /** What must be lent for a node: its own cards, and those of servers that are not there. */
  #wanted({ own, servers }: GpuNeeds): Wanted[] {
    const missing = [...servers].filter(([model]) => {
      const server = this.#servers.get(model)
      return !server || server.stopping !== undefined
    })
    return [...(own ? [{ key: '', ...own }] : []), ...missing.map(([key, request]) => ({ key, ...request }))]
  }

  #couldUse(id: NodeId): ReadonlySet<string> {
    const needs = this.#needsOf(id)
    const least = Math.min(
      ...[...(needs.own ? [needs.own] : []), ...needs.servers.values()].map(({ memory }) => memory),
    )
    return new Set(this.#services.cards.filter(({ memory }) => memory >= least).map(({ uuid }) => uuid))
  }

  #lend(id: NodeId, wanted: readonly Wanted[], spared: ReadonlySet<string>): boolean {
    if (!this.#use || performance.now() - this.#usedAt > FRESH_MS) {
      this.#lookAfter(0)
      return false
    }
    for (;;) {
      const open = this.#services.cards.flatMap(({ uuid, memory }) =>
        this.#held.has(uuid) || this.#taken.has(uuid) || spared.has(uuid)
          ? []
          : [{ uuid, free: this.#use?.get(uuid)?.free ?? memory }],
      )
      const chosen = allot(wanted, open)
      if (!chosen) {
        if (!this.#makeRoom(wanted, open, spared)) this.#waitForOthers(id)
        return false
      }
      if (this.#lock([...chosen.values()].flat())) {
        for (const [key, cards] of chosen) {
          if (key === '') this.#nodes.set(id, cards)
          else this.#servers.set(key, { cards, users: new Set() })
        }
        return true
      }
    }
  }

  /** Locks all of them or none; one that is held elsewhere counts as taken until the next look. */
  #lock(uuids: readonly string[]): boolean {
    for (const [i, uuid] of uuids.entries()) {
      const lock = this.#services.locks.take(uuid)
      if (typeof lock !== 'string') this.#held.set(uuid, lock)
      else {
        this.#taken.set(uuid, lock)
        for (const before of uuids.slice(0, i)) this.#unlock(before)
        return false
      }
    }
    return true
  }

  /** Stops idle servers, the longest idle first, if their cards are all that is missing. */
  #makeRoom(
    wanted: readonly Wanted[],
    open: readonly { uuid: string; free: number }[],
    spared: ReadonlySet<string>,
  ): boolean {
    const memory = new Map(this.#services.cards.map((card) => [card.uuid, card.memory]))
    const cards = [...open]
    const chosen: string[] = []
    const idle = [...this.#servers].filter(([, { users }]) => users.size === 0)
    for (const [model, server] of idle.sort(([, a], [, b]) => Number(!a.stopping) - Number(!b.stopping))) {
      chosen.push(model)
      for (const uuid of server.cards) if (!spared.has(uuid)) cards.push({ uuid, free: memory.get(uuid) ?? 0 })
      if (!allot(wanted, cards)) continue
      for (const one of chosen) void this.retire(one)
      return true
    }
    return false
  }

  #waitForOthers(id: NodeId): void {
    if (this.#taken.size === 0 && this.#held.size > 0) return
    const why =
      [...this.#taken].map(([uuid, reason]) => `${uuid} is ${reason}`).join('; ') ||
      'too little of their memory is free'
    if (this.#told.get(id) !== why) this.#services.onWait(id, why)
    this.#told.set(id, why)
    this.#lookAfter(LOOK_AGAIN_MS[Math.min(this.#looks, LOOK_AGAIN_MS.length - 1)] as number)
  }

  #lookAfter(ms: number): void {
    if (this.#looking || this.#closed) return
    if (this.#timer && ms > 0) return
    clearTimeout(this.#timer)
    this.#looks = ms === 0 ? this.#looks : this.#looks + 1
    this.#timer = setTimeout(() => void this.#look(), ms)
  }

  async #look(): Promise<void> {
    this.#timer = undefined
    this.#looking = true
    const before = this.#releases
    const use = await this.#services.look().catch(() => undefined)
    this.#looking = false
    if (before !== this.#releases) return this.#lookAfter(0)
    this.#taken.clear()
    this.#use = use
    this.#usedAt = performance.now()
    for (const [uuid, { pids }] of use ?? []) {
      if (pids.length > 0 && !this.#held.has(uuid)) this.#taken.set(uuid, `used by process ${pids.join(', ')}`)
    }
    if (use) this.#onChange()
    else this.#lookAfter(LOOK_AGAIN_MS.at(-1) as number)
  }

  #release(uuids: readonly string[]): void {
    if (uuids.length === 0) return
    for (const uuid of uuids) this.#unlock(uuid)
    // What was known of these cards' memory is what we had of it.
    this.#use = undefined
    this.#releases++
    this.#looks = 0
  }

  #unlock(uuid: string): void {
    this.#held.get(uuid)?.release()
    this.#held.delete(uuid)
  }
}
