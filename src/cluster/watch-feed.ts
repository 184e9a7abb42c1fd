import type {
  Group,
  Place,
  PlaceRange,
  ReplicaCheck,
  ReplicaEntry,
  ReplicaWrite,
  Revision,
  RevisionChange,
  Stored,
} from '../store/index.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { revisionOf, type WatchEvent, type WatchResponse } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { copying, ofCluster, ownPlaces } from './own-places.ts'
import { nonceText } from './proposal.ts'
import { entryOf, rangesOf, readStored } from './snapshot.ts'
import { NewerFormat, nonceOf } from './stored-value.ts'
import { type Log, sleep } from './timing.ts'

/** What the feed needs of the replica: its one writer, `ReplicaWriter` of store/. */
export interface ReplicaTarget {
  /** The revision it has stored, 0 when empty. */
  revision(): Revision
  /** What it holds now. */
  readonly replica: { read(place: Place): Stored | undefined }
  /** Stores what these revisions wrote, in their order, and the last of them as reached, in one transaction; resolved when readers can see it. */
  apply(changes: readonly RevisionChange[]): Promise<void>
  /** The groups that it has values of. */
  groups(): readonly Group[]
  /**
   * Makes what these ranges hold what `entries` say, in one transaction: each place goes from what it was to what it is to be, and those
   * that nothing is said of are removed, but `kept`. The revision reached stays as it is.
   */
  copy(ranges: readonly PlaceRange[], entries: readonly ReplicaEntry[], kept: readonly Place[]): Promise<void>
  /** How what it holds is compared with the cluster; absent where that is not done. */
  readonly check?: ReplicaCheck
}

export interface WatchFeedOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly replica: ReplicaTarget
  readonly log: Log
  /** Called for each nonce that the history shows, before `reached` covers it. */
  readonly onNonce: (nonce: string, revision: Revision) => void
  /** Called with the reason when a newer Tresor wrote what is met; the feed ends there, before it would leave something out. */
  readonly onNewerFormat: (why: string) => void
}

/**
 * Keeps the replica up to date by one watch of the whole prefix. When that history is gone, a snapshot at one revision is copied over the
 * replica, page by page, what differs alone: a request that is under way meanwhile finds each place as it was or as it is, never missing.
 */
export class WatchFeed {
  readonly #options: WatchFeedOptions
  #reached: Revision
  #snapshots = 0
  #said = { why: '', until: 0 }
  #problem: string | undefined = 'the replica has not met the cluster yet'
  #waiters: { readonly revision: Revision; readonly wake: (reached: boolean) => void }[] = []
  #stop: (() => void) | undefined
  #closed = false
  #needsSnapshot: boolean
  #isCopying = false
  /** The replica is of the cluster's own history: until that was compared nothing is known. */
  #isCompared = false
  /** etcd's identifier of the cluster, another one after a restore. */
  #cluster = ''
  #endpoint = 0
  /** When the member watched at was last gone to. */
  #since = Number.NEGATIVE_INFINITY
  #done: Promise<void> = Promise.resolve()
  /** The last of those who change the replica, or need it to stand still. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: WatchFeedOptions) {
    this.#options = options
    this.#reached = options.replica.revision()
    this.#needsSnapshot = this.#reached === 0 || options.replica.replica.read(copying) !== undefined
  }

  /** The replica shows every change up to this revision. */
  get reached(): Revision {
    return this.#reached
  }

  /** etcd's identifier of the cluster that it follows; empty until that is known. */
  get cluster(): string {
    return this.#cluster
  }

  /** Whether the replica shows every change up to this revision, and no other. */
  shows(revision: Revision): boolean {
    return this.#isCompared && !this.#needsSnapshot && this.#reached >= revision
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
    if (this.shows(revision)) return Promise.resolve(true)
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

  /** Goes to another member, if it watches at this one, which will be silent for a while. */
  leave(endpoint: number): void {
    if (this.#endpoint === endpoint) this.leaveSilentMember()
  }

  /** Does something while the replica stands at one revision. @throws Error while it is being copied */
  standing<T>(work: (revision: Revision) => Promise<T>): Promise<T> {
    return this.#inTurn(() => {
      if (!this.shows(0)) throw new Error(this.#problem ?? 'the replica is not whole')
      return work(this.#reached)
    })
  }

  #inTurn<T>(work: () => Promise<T> | T): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stop?.()
    for (const waiter of this.#waiters.splice(0)) waiter.wake(false)
    await this.#done
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const endpoint = this.#endpoint
      try {
        if (!this.#isCompared) await this.#compareHistories(endpoint)
        if (this.#needsSnapshot) await this.#inTurn(() => this.#copySnapshot(endpoint))
        await this.#follow(endpoint)
      } catch (error) {
        if (this.#closed) return
        if (error instanceof NewerFormat) return this.#endAt(error)
        this.#problem ??= `the watch was lost: ${describeFailure(error)}`
        this.#say(describeFailure(error), endpoint)
        if (this.#endpoint === endpoint) this.#endpoint = (endpoint + 1) % this.#options.client.endpoints.length
        await sleep(retryMilliseconds)
      }
    }
  }

  /** Not again for a while: what ends every watch (a full disk) would fill the log. */
  #say(why: string, endpoint: number): void {
    const now = performance.now()
    if (why === this.#said.why && now < this.#said.until) return
    this.#said = { why, until: now + quietMilliseconds }
    this.#options.log('warn', `the watch at ${this.#options.client.endpoints[endpoint]} ended: ${why}`)
  }

  #endAt({ message }: NewerFormat): void {
    this.#problem = message
    this.#options.log('error', message)
    this.#options.onNewerFormat(message)
  }

  /** A replica of another cluster, or ahead of this one, belongs to another history (a restored backup). */
  async #compareHistories(endpoint: number): Promise<void> {
    const { header } = await this.#options.client.range(
      { key: this.#options.keys.head, limit: 1 },
      { deadline: callMilliseconds, endpoint },
    )
    this.#cluster = header.clusterId
    const why = this.#whyForeign(revisionOf(header.revision))
    if (why !== undefined) {
      this.#options.log('warn', `${why}: the cluster's history is copied over it`)
      this.#needsSnapshot = true
    }
    this.#isCompared = true
    // An empty cluster tells nothing that would wake them.
    this.#wake()
  }

  #whyForeign(revision: Revision): string | undefined {
    if (revision < this.#reached) return `the replica is at revision ${this.#reached}, the cluster at ${revision}`
    const followed = this.#options.replica.replica.read(ofCluster)?.value
    if (this.#reached === 0 || (followed !== undefined && Buffer.from(followed).toString() === this.#cluster)) return undefined
    return 'the replica is of another cluster'
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
    await replica.apply([{ revision: Math.max(replica.revision(), 1), writes: [{ place: copying, value: Buffer.of(1) }] }])
    const groups = replica.groups()
    let count = 0
    let revision = 0
    for await (const run of readStored(client, keys, copiedAtOnce, { endpoint })) {
      revision = run.revision
      count += run.entries.length
      for (const { nonce, revision: changedAt } of run.entries) if (nonce !== undefined) onNonce(nonceText(nonce), changedAt)
      await replica.copy(rangesOf(keys, groups, run.after, run.through), run.entries, ownPlaces)
    }
    const done = [
      { place: copying, value: undefined },
      { place: ofCluster, value: Buffer.from(this.#cluster) },
    ]
    await replica.apply([{ revision, writes: done }])
    this.#snapshots++
    this.#needsSnapshot = false
    this.#advance(revision)
    if (count > 0) log('info', `the replica was copied from the cluster: ${count} values at revision ${revision}`)
  }

  async #follow(endpoint: number): Promise<void> {
    this.#since = performance.now()
    const { client, keys } = this.#options
    const request = { ...keys.watched, startRevision: this.#reached + 1, progressNotify: true, fragment: true }
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
        if (whole > 0) await this.#inTurn(() => this.#apply(events.splice(0, whole)))
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
    const revisions = new Map<Revision, ReplicaWrite[]>()
    for (const { type, kv } of events) {
      const revision = revisionOf(kv.modRevision)
      let writes = revisions.get(revision)
      if (writes === undefined) {
        writes = []
        revisions.set(revision, writes)
      }
      const place = keys.placeOf(kv.key)
      const write = type === 'DELETE' ? place && { place, value: undefined } : entryOf(keys, kv)
      if (write !== undefined) writes.push(write)
      const nonce = type === 'PUT' ? nonceOf(kv.value) : undefined
      if (nonce !== undefined) onNonce(nonceText(nonce), revision)
    }
    await replica.apply([...revisions].map(([revision, writes]) => ({ revision, writes })))
    this.#advance([...revisions.keys()].at(-1)!)
  }

  #advance(revision: Revision): void {
    this.#reached = revision
    this.#wake()
  }

  #wake(): void {
    if (this.#waiters.length === 0) return
    const ready = this.#waiters.filter((waiter) => this.shows(waiter.revision))
    if (ready.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter))
    for (const waiter of ready) waiter.wake(true)
  }
}

const retryMilliseconds = 100
const quietMilliseconds = 10_000
/** How long a member has to begin its watch before it may count as silent. */
const settlingMilliseconds = 300
const callMilliseconds = 1000
/** Values of a snapshot that go into one transaction of the replica. */
const copiedAtOnce = 500
const queueLimit = 1000
