import { KmipError } from '../../spec/kmip-error.ts'
import type { Revision } from '../store/index.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { freshReadMilliseconds, sleep, type Timing } from './timing.ts'
import type { WatchFeed } from './watch-feed.ts'

export interface ReadBarrierOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly feed: WatchFeed
  readonly timing: Timing
}

/**
 * The read barrier: a linearizable read tells the revision of the latest change that may have been answered, and the replica is waited for
 * until it shows that revision.
 *
 * What is read is the head, which every change writes, and its revision is what counts; not the revision in the answer's header. The header
 * may be ahead of the last change (a fence, another user of a shared etcd), and the watch would then be silent; asking the watch for its
 * progress is no way out, because etcd before 3.4.25 and 3.5.8 may answer that before events it has not sent yet (etcd #15220).
 */
export class ReadBarrier {
  readonly #options: ReadBarrierOptions
  #running: Promise<Revision> | undefined
  #next: Promise<Revision> | undefined
  #problem: string | undefined = 'the cluster has not answered yet'
  #lastGood = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: ReadBarrierOptions) {
    this.#options = options
  }

  async pass(): Promise<void> {
    const { feed, timing } = this.#options
    const deadline = performance.now() + timing.barrier
    const revision = await this.#latest(deadline)
    if (feed.reached >= revision) return
    while (true) {
      const left = deadline - performance.now()
      if (left <= 0) {
        throw new KmipError(
          'GeneralFailure',
          `This node has not received the cluster's latest changes (revision ${revision}, here ${feed.reached}) in ${timing.barrier} ms.`,
        )
      }
      if (await feed.waitFor(revision, Math.min(left, silenceMilliseconds))) return
      if (this.#closed) throw new KmipError('GeneralFailure', 'This node is shutting down.')
      feed.leaveSilentMember()
    }
  }

  /** Why the last read failed; undefined after one that succeeded. */
  problem(): string | undefined {
    return this.#problem
  }

  /** Milliseconds since a read last succeeded. */
  get idle(): number {
    return performance.now() - this.#lastGood
  }

  close(): void {
    this.#closed = true
  }

  /** One read is under way at a time; whoever comes meanwhile needs one that starts later, and they all share the next. */
  #latest(deadline: number): Promise<Revision> {
    if (this.#running === undefined) return this.#begin(deadline)
    this.#next ??= this.#running.then(
      () => this.#begin(deadline),
      () => this.#begin(deadline),
    )
    return this.#next
  }

  #begin(deadline: number): Promise<Revision> {
    this.#next = undefined
    const round = this.#read(deadline).finally(() => {
      if (this.#running === round) this.#running = undefined
    })
    this.#running = round
    return round
  }

  async #read(deadline: number): Promise<Revision> {
    const { client, keys, timing } = this.#options
    let why = 'no answer'
    while (!this.#closed) {
      const started = performance.now()
      const left = deadline - started
      if (left <= 0) {
        this.#problem = `the cluster has no majority that this node can reach (${why})`
        throw new KmipError(
          'GeneralFailure',
          `The cluster has no majority that this node can reach within ${timing.barrier} ms (${why}); no key is used until it has.`,
        )
      }
      const endpoint = client.preferred
      try {
        const response = await client.range({ key: keys.head, limit: 1 }, { deadline: Math.min(left, freshReadMilliseconds), endpoint })
        if (performance.now() - started <= freshReadMilliseconds) {
          this.#problem = undefined
          this.#lastGood = performance.now()
          return response.kvs[0] === undefined ? 0 : revisionOf(response.kvs[0].modRevision)
        }
        why = `an answer took longer than ${freshReadMilliseconds} ms`
      } catch (error) {
        why = describeFailure(error)
        client.moveOn(endpoint)
        await sleep(retryMilliseconds)
      }
    }
    throw new KmipError('GeneralFailure', 'This node is shutting down.')
  }
}

const retryMilliseconds = 20
const silenceMilliseconds = 600
