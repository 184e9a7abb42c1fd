import { type Place, type Revision, systemSpace, type Write } from '../store/index.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { revisionOf, type WatchEvent, type WatchResponse } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { nonceText } from './proposal.ts'
import { readSnapshot } from './snapshot.ts'
import { decodeStored, nonceOf } from './stored-value.ts'
import { type Log, sleep } from './timing.ts'

/** What the feed needs of the replica: its one writer, `ReplicaWriter` of store/. */
export interface ReplicaTarget {
  /** The revision it has stored, 0 when empty. */
  revision(): Revision
  /** What it holds now. */
  readonly replica: { read(place: Place): { readonly revision: Revision } | undefined }
  /** Stores the writes and the reached revision in one transaction; called in the order of revisions, resolved when readers can see it. */
  apply(revision: Revision, writes: readonly Write[]): Promise<void>
  /** Empties it, its revision included. */
  clear(): Promise<void>
}

export interface WatchFeedOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly replica: ReplicaTarget
  readonly log: Log
  /** Called for each nonce that the history shows, before `reached` covers it. */
  readonly onNonce: (nonce: string, revision: Revision) => void
}

/** Keeps the replica up to date by one watch of the whole prefix; when that history is gone, by a snapshot at one revision. */
export class WatchFeed {
  readonly #options: WatchFeedOptions
  #reached: Revision
  #snapshots = 0
  #problem: string | undefined = 'the replica has not met the cluster yet'
  #waiters: { readonly revision: Revision; readonly wake: (reached: boolean) => void }[] = []
  #stop: (() => void) | undefined
  #closed = false
  #needsSnapshot: boolean
  #isCopying = false
  #endpoint = 0
  /** When the member watched at was last gone to. */
  #since = Number.NEGATIVE_INFINITY
  #done: Promise<void> = Promise.resolve()

  constructor(options: WatchFeedOptions) {
    this.#options = options
    this.#reached = options.replica.revision()
    this.#needsSnapshot = this.#reached === 0 || options.replica.replica.read(copying) !== undefined
  }

  /** The replica shows every change up to this revision. */
  get reached(): Revision {
    return this.#reached
  }

  /** How many times the history had to be skipped by a snapshot. */
  get snapshots(): number {
    return this.#snapshots
  }

  problem(): string | undefined {
    return this.#problem
  }

  start(): void {
    this.#done = this.#run()
  }

  /** Whether the replica reached a revision within so many milliseconds. */
  waitFor(revision: Revision, milliseconds: number): Promise<boolean> {
    if (this.#reached >= revision) return Promise.resolve(true)
    return new Promise((resolve) => {
      const waiter = {
        revision,
        wake: (reached: boolean) => {
          clearTimeout(timer)
          resolve(reached)
        },
      }
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        resolve(false)
      }, milliseconds)
      this.#waiters.push(waiter)
    })
  }

  /**
   * The member watched at is silent while there is something to tell: it is paused or cut off. A copy in progress is no silence, and a
   * member that the watch has just gone to has had no time to speak: several who wait must not chase the watch around.
   */
  leaveSilentMember(): void {
    if (this.#isCopying || performance.now() - this.#since < settlingMilliseconds) return
    this.#since = performance.now()
    this.#endpoint = (this.#endpoint + 1) % this.#options.client.endpoints.length
    this.#stop?.()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stop?.()
    for (const waiter of this.#waiters.splice(0)) waiter.wake(false)
    await this.#done
  }

  async #run(): Promise<void> {
    let compared = false
    while (!this.#closed) {
      const endpoint = this.#endpoint
      try {
        if (!compared) await this.#compareHistories(endpoint)
        compared = true
        if (this.#needsSnapshot) await this.#copySnapshot(endpoint)
        await this.#follow(endpoint)
      } catch (error) {
        if (this.#closed) return
        this.#problem ??= `the watch was lost: ${describeFailure(error)}`
        this.#options.log('warn', `the watch at ${this.#options.client.endpoints[endpoint]} ended: ${describeFailure(error)}`)
        if (this.#endpoint === endpoint) this.#endpoint = (endpoint + 1) % this.#options.client.endpoints.length
        await sleep(retryMilliseconds)
      }
    }
  }

  /** A replica that is ahead of the cluster belongs to another history (a restored backup): it is copied anew. */
  async #compareHistories(endpoint: number): Promise<void> {
    const { header } = await this.#options.client.range(
      { key: this.#options.keys.head, limit: 1 },
      { deadline: callMilliseconds, endpoint },
    )
    if (revisionOf(header.revision) >= this.#reached) return
    this.#options.log('warn', `the replica is at revision ${this.#reached}, the cluster at ${header.revision}: the replica is copied anew`)
    this.#needsSnapshot = true
  }

  async #copySnapshot(endpoint: number): Promise<void> {
    this.#isCopying = true
    try {
      await this.#copyFrom(endpoint)
    } finally {
      this.#isCopying = false
    }
  }

  async #copyFrom(endpoint: number): Promise<void> {
    const { client, keys, replica, log, onNonce } = this.#options
    this.#problem = 'the replica is being copied from the cluster'
    this.#reached = 0
    await replica.clear()
    await replica.apply(1, [{ place: copying, value: Buffer.of(1) }])
    let count = 0
    let revision = 0
    for await (const page of readSnapshot(client, keys, { deadline: pageMilliseconds, endpoint })) {
      revision = page.revision
      count += page.entries.length
      for (const { nonce, changedAt } of page.entries) onNonce(nonceText(nonce), changedAt)
      await Promise.all(byRevision(page.entries).map(([changedAt, writes]) => replica.apply(changedAt, writes)))
    }
    await replica.apply(revision, [{ place: copying, value: undefined }])
    this.#snapshots++
    this.#needsSnapshot = false
    this.#advance(revision)
    if (count > 0) log('info', `the replica was copied from the cluster: ${count} values at revision ${revision}`)
  }

  async #follow(endpoint: number): Promise<void> {
    this.#since = performance.now()
    const { client, keys } = this.#options
    const request = { key: keys.prefix, rangeEnd: keys.end, startRevision: this.#reached + 1, progressNotify: true, fragment: true }
    const stream = client.watch(request, endpoint)
    const queue: WatchResponse[] = []
    let failure: unknown
    let ended = false
    let wake: (() => void) | undefined
    const notify = () => {
      wake?.()
      wake = undefined
    }
    stream.on('data', (response: WatchResponse) => {
      queue.push(response)
      if (queue.length >= queueLimit) stream.pause()
      notify()
    })
    stream.on('error', (error: unknown) => {
      failure ??= error
      ended = true
      notify()
    })
    stream.on('end', () => {
      ended = true
      notify()
    })
    this.#stop = () => {
      failure ??= new Error('left for another member')
      ended = true
      stream.cancel()
      notify()
    }
    try {
      const events: WatchEvent[] = []
      while (true) {
        while (queue.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve))
        if (ended && queue.length === 0) throw failure ?? new Error('etcd ended the watch')
        if (this.#closed) return
        // Everything that came in while the last revisions were being stored is stored together.
        const responses = queue.splice(0)
        stream.resume()
        let whole = 0
        for (const response of responses) {
          this.#check(response)
          for (const event of response.events) events.push(event)
          // A revision is only split over the fragments of one response.
          if (!response.fragment) whole = events.length
        }
        if (whole > 0) await this.#apply(events.splice(0, whole))
      }
    } finally {
      this.#stop = undefined
      stream.cancel()
    }
  }

  #check(response: WatchResponse): void {
    if (response.compactRevision !== '0') {
      this.#needsSnapshot = true
      throw new Error(
        `the history before revision ${response.compactRevision} was compacted; the replica, at ${this.#reached}, is copied anew`,
      )
    }
    if (response.canceled) throw new Error(`etcd cancelled the watch: ${response.cancelReason}`)
    if (response.created) this.#problem = undefined
  }

  async #apply(events: readonly WatchEvent[]): Promise<void> {
    const { keys, replica, onNonce } = this.#options
    const revisions = new Map<Revision, Write[]>()
    for (const { type, kv } of events) {
      const revision = revisionOf(kv.modRevision)
      let writes = revisions.get(revision)
      if (writes === undefined) {
        writes = []
        revisions.set(revision, writes)
      }
      const place = keys.placeOf(kv.key)
      if (place !== undefined) writes.push(type === 'DELETE' ? { place, value: undefined } : writeOf(place, kv.value))
      const nonce = type === 'PUT' ? nonceOf(kv.value) : undefined
      if (nonce !== undefined) onNonce(nonceText(nonce), revision)
    }
    // Handed over in order without waiting in between: the replica stores what arrives together in one disk transaction.
    await Promise.all([...revisions].map(([revision, writes]) => replica.apply(revision, writes)))
    this.#advance([...revisions.keys()].at(-1)!)
  }

  #advance(revision: Revision): void {
    this.#reached = revision
    if (this.#waiters.length === 0) return
    const [ready, rest] = [this.#waiters.filter((w) => w.revision <= revision), this.#waiters.filter((w) => w.revision > revision)]
    this.#waiters = rest
    for (const waiter of ready) waiter.wake(true)
  }
}

/** Stands in the replica while a snapshot is being copied into it: after a crash in between, it is copied anew. */
const copying: Place = { space: systemSpace, kind: 'setting', id: 'replica-is-being-copied' }

const retryMilliseconds = 100
/** How long a member has to begin its watch before it may count as silent. */
const settlingMilliseconds = 300
const callMilliseconds = 1000
const pageMilliseconds = 10_000
const queueLimit = 1000

function writeOf(place: Write['place'], bytes: Buffer): Write {
  const { value, terms, order } = decodeStored(bytes)
  return { place, value, ...(terms === undefined ? {} : { terms }), ...(order === undefined ? {} : { order }) }
}

function byRevision(entries: readonly { readonly changedAt: Revision; readonly write: Write }[]): [Revision, Write[]][] {
  const groups = new Map<Revision, Write[]>()
  for (const { changedAt, write } of entries) {
    const group = groups.get(changedAt)
    if (group === undefined) groups.set(changedAt, [write])
    else group.push(write)
  }
  return [...groups].sort(([a], [b]) => a - b)
}
