import { join } from 'node:path'
import type { ActionLog, ActionRecord, NodeAddress, RecordedFile } from './action-log.ts'
import { haveSameOutputs } from './artifact.ts'
import type { BlobStore } from './blob-store.ts'
import { configFolder } from './config-folder.ts'
import type { ActionKey, RowKey } from './digest.ts'
import { forEachOf } from './for-each-of.ts'
import { type RemoteConfig, readRemotes, remoteFiles } from './remote-config.ts'
import type { PackEntry } from './remote-index.ts'
import { hasPack, PackLookup } from './row-pack.ts'
import { loadTrust, type TrustList } from './signing.ts'
import { StoreError } from './store-error.ts'
import { type FoundResult, SyncedRemote } from './synced-remote.ts'

/** What remotes bring results into. */
export interface RemotesTarget {
  root: string
  blobs: BlobStore
  actions: ActionLog
}

export interface RemotesOptions {
  /** The root of the project. */
  project: string
  /** Only this one; none with `false`. */
  only?: string | false
  /** Where the configuration of the user lies. */
  config?: string
  signal?: AbortSignal
}

const AT_ONCE = 8

/**
 * The remotes of a project: what they have as of the last sync, and downloads, each verified before it enters the
 * store. Nothing is read before `load`, and no network is used but by `sync`, `fetch` and `fetchRows`. What is wrong
 * with a remote is told once and is otherwise as if the remote did not have it.
 */
export class Remotes {
  readonly #target: RemotesTarget
  readonly #options: RemotesOptions
  readonly #told = new Set<string>()
  #unheard: string[] = []
  #listener: ((message: string) => void) | undefined
  readonly #packs = new Map<string, Promise<boolean>>()
  /** Packs that were found to hold what somebody asked for. */
  readonly #wanted = new Map<string, { remote: SyncedRemote; pack: PackEntry }>()
  #all: readonly SyncedRemote[] = []
  #loading: Promise<void> | undefined
  #lookup: { packs: { remote: SyncedRemote; pack: PackEntry }[]; table: PackLookup } | undefined

  constructor(target: RemotesTarget, options: RemotesOptions) {
    this.#target = target
    this.#options = options
  }

  /** Told what went wrong, each thing once, and at first what nobody has been told yet. */
  listen(listener: (message: string) => void): void {
    this.#listener = listener
    for (const message of this.#unheard.splice(0)) listener(message)
  }

  /** Reads configuration and synced indexes; throws a StoreError if a file of them is wrong. */
  load(): Promise<void> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  /** All that are configured, in the order in which they are asked. */
  get all(): readonly SyncedRemote[] {
    return this.#all
  }

  /** Whether there is a remote to ask. */
  async areThere(): Promise<boolean> {
    await this.load()
    return this.#all.length > 0
  }

  /** Brings the copies of all indexes up to date, as far as the remotes answer. */
  async sync(): Promise<void> {
    await this.load()
    await Promise.all(this.#all.map((remote) => remote.sync()))
    this.#lookup = undefined
  }

  /** The results of a key that remotes offer, by the last sync: in the order of the remotes, of each the newest first. */
  find(key: ActionKey): readonly FoundResult[] {
    return this.#all.flatMap((remote) => remote.find(key))
  }

  /**
   * Brings a result that was found into the store, as one of the node; undefined if no remote has it whole. Those that
   * turned out not to have it don't offer it any more.
   */
  async fetch({ key, outputs }: ActionRecord, address: NodeAddress): Promise<ActionRecord | undefined> {
    for (const remote of this.#all) {
      for (const found of remote.find(key)) {
        const { record, preimage, signer } = found
        if (!haveSameOutputs(record.outputs, outputs)) continue
        if (await this.#download(remote, found)) {
          const fetched = { ...record, ...address, origin: { remote: remote.config.name, signer } }
          await this.#target.actions.append(fetched, preimage)
          return fetched
        }
        remote.forget(found)
      }
    }
    return undefined
  }

  /** Whether a remote seems to have this row. */
  hasRow(kind: string, key: RowKey): boolean {
    const packs = this.packsOf(kind, key)
    for (const found of packs) this.#wanted.set(found.pack.pack, found)
    return packs.length > 0
  }

  /** The packs that seem to hold a row and are not here. */
  packsOf(kind: string, key: RowKey): { remote: SyncedRemote; pack: PackEntry }[] {
    const { packs, table } = this.#packTable()
    return table
      .find(key)
      .flatMap((number) => packs[number] ?? [])
      .filter(({ pack, remote }) => pack.kind === kind && !remote.dead)
  }

  /** Brings the packs that hold these rows into the store; how many came. */
  async fetchRows(kind: string, keys: readonly RowKey[]): Promise<number> {
    await this.load()
    const wanted = new Map(keys.flatMap((key) => this.packsOf(kind, key)).map((found) => [found.pack.pack, found]))
    return this.fetchPacks([...wanted.values()])
  }

  /** The same for packs by their entries. */
  async fetchPacks(wanted: readonly { remote: SyncedRemote; pack: PackEntry }[]): Promise<number> {
    let came = 0
    await forEachOf(AT_ONCE, wanted, async ({ remote, pack }) => {
      const folder = join(this.#target.root, 'rows', pack.kind)
      let coming = this.#packs.get(pack.pack)
      if (!coming) {
        coming = hasPack(folder, pack.pack) ? Promise.resolve(false) : remote.receivePack(folder, pack)
        this.#packs.set(pack.pack, coming)
      }
      if (await coming) came++
    })
    return came
  }

  /** Packs that hold rows of which it was asked whether they are known. */
  wantedPacks(): readonly { remote: SyncedRemote; pack: PackEntry }[] {
    return [...this.#wanted.values()]
  }

  /** Every pack that any remote lists. */
  allPacks(): readonly { remote: SyncedRemote; pack: PackEntry }[] {
    return this.#packTable().packs
  }

  close(): void {
    for (const remote of this.#all) remote.close()
  }

  async #load(): Promise<void> {
    const { only, project, config = configFolder(), signal } = this.#options
    if (only === false) return
    const files = remoteFiles(project, this.#target.root, config)
    const configs = files.length > 0 ? await readRemotes(files) : []
    const chosen = only === undefined ? configs : configs.filter(({ name }) => name === only)
    if (only !== undefined && chosen.length === 0) throw unknown(only, configs)
    if (chosen.length === 0) return
    const trust: TrustList = loadTrust(config)
    const tell = (message: string): void => {
      if (this.#told.has(message)) return
      this.#told.add(message)
      if (this.#listener) this.#listener(message)
      else this.#unheard.push(message)
    }
    this.#all = chosen.map(
      (one) => new SyncedRemote(one, this.#target.root, { trust, tell, ...(signal ? { signal } : {}) }),
    )
    for (const remote of this.#all) remote.load()
  }

  #packTable(): { packs: { remote: SyncedRemote; pack: PackEntry }[]; table: PackLookup } {
    if (!this.#lookup) {
      const packs = this.#all.flatMap((remote) => remote.packs.map((pack) => ({ remote, pack })))
      this.#lookup = { packs, table: new PackLookup(packs.map(({ pack }) => pack)) }
    }
    return this.#lookup
  }

  /** Whether every file of a result is in the store now. */
  async #download(remote: SyncedRemote, { record }: FoundResult): Promise<boolean> {
    const { blobs } = this.#target
    const files = new Map<string, RecordedFile>()
    for (const output of Object.values(record.outputs)) for (const file of output.files) files.set(file.blob, file)
    let whole = true
    const asked = await remote.attempt(`the result of ${record.node} was not fetched`, async () => {
      await forEachOf(AT_ONCE, files.values(), async ({ path, blob, size }) => {
        if (!whole || blobs.check(blob, size) === 'ok') return
        const state = await remote.receiveBlob(blobs, blob, size)
        if (state === 'ok') return
        whole = false
        const place = `${path} of a result of ${record.node}`
        remote.tell(`${place} is ${state} there (${blob}); the result is not used`)
      })
    })
    return asked && whole
  }
}

function unknown(name: string, configs: readonly RemoteConfig[]): StoreError {
  const names = configs.map((config) => config.name).join(', ')
  return new StoreError(`there is no remote called ${name}`, {
    problem: 'bad-file',
    advice: names === '' ? 'name one in queryloom.yaml, see docs/sharing.md' : `there are ${names}`,
  })
}
