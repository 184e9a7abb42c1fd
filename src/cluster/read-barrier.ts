import { KmipError } from '../../spec/kmip-error.ts'
import type { Revision } from '../store/index.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { type ResponseHeader, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { freshReadMilliseconds, sleep, type Timing } from './timing.ts'
import type { WatchFeed } from './watch-feed.ts'

export interface ReadBarrierOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly feed: WatchFeed
  readonly timing: Timing
  /** Called with the reason when the cluster's history is not the one that the replica follows. */
  readonly onOtherHistory: (why: string) => void
}

/** Who waits for a read that starts after they came. */
interface Waiter {
  readonly resolve: (revision: Revision) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/**
 * The read barrier: a linearizable read tells the revision of the latest change that may have been answered, and the replica is waited for
 * until it shows that revision.
 *
 * What is read is the head, which every change writes, and its revision is what counts; not the revision in the answer's header. The header
 * may be ahead of the last change (a fence, another user of a shared etcd), and the watch would then be silent; asking the watch for its
 * progress is no way out, because etcd before 3.4.25 and 3.5.8 may answer that before events it has not sent yet (etcd #15220).
 *
 * An election is waited for. Once somebody has waited in vain, others are refused promptly, while a probe goes on without a pause.
 */
export class ReadBarrier {
  readonly #options: ReadBarrierOptions
  readonly #waiting = new Set<Waiter>()
  /** Whose read is still to start. */
  #came = new Set<Waiter>()
  #reads = 0
  /** When reads began to fail without one that succeeded since. */
  #failingSince: number | undefined
  /** Why the last read failed. */
  #why = 'no answer yet'
  /** Why the last barrier failed, until one passes. */
  #refusing: string | undefined
  #hasPassed = false
  #lastGood = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: ReadBarrierOptions) {
    this.#options = options
  }

  /**
   * @param patience milliseconds to wait at most; less once it is known that the cluster does not answer
   * @throws KmipError GeneralFailure that says why, for another node to be tried
   */
  pass(patience: number = this.#options.timing.barrier): Promise<void> {
    const most = Math.min(patience, this.#options.timing.barrier)
    return this.#pass(this.#refusing === undefined ? most : Math.min(most, promptMilliseconds))
  }

  /** Why barriers fail, or will soon; undefined after one that passed. */
  problem(): string | undefined {
    if (this.#refusing !== undefined) return this.#refusing
    if (this.#failingSince !== undefined && performance.now() - this.#failingSince > suspectMilliseconds) return noMajority(this.#why)
    return this.#hasPassed ? undefined : (this.#options.feed.problem() ?? 'the cluster has not answered yet')
  }

  /** Milliseconds since a read last succeeded. */
  get idle(): number {
    return performance.now() - this.#lastGood
  }

  close(): void {
    this.#closed = true
    this.#rejectAll(shuttingDown())
  }

  async #pass(patience: number): Promise<void> {
    const { feed } = this.#options
    const deadline = performance.now() + patience
    const revision = await this.#latest(patience)
    while (!feed.shows(revision)) {
      const left = deadline - performance.now()
      if (left <= 0) {
        const lag = `it has not received the cluster's latest changes (revision ${revision}, here ${feed.reached})`
        throw this.#refuse(feed.problem() ?? lag, patience)
      }
      if (await feed.waitFor(revision, Math.min(left, silenceMilliseconds))) break
      if (this.#closed) throw shuttingDown()
      feed.leaveSilentMember()
    }
    this.#hasPassed = true
    this.#refusing = undefined
  }

  /** A read answers those alone who came before it started. */
  #latest(patience: number): Promise<Revision> {
    if (this.#closed) return Promise.reject(shuttingDown())
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter)
        reject(this.#refuse(noMajority(this.#why), patience))
      }, patience)
      const waiter = { resolve, reject, timer }
      this.#waiting.add(waiter)
      this.#came.add(waiter)
      this.#startRead(0)
    })
  }

  /** Reads overlap, so that who comes while one is under way does not wait for its end; and are few, since each costs the members work. */
  #startRead(beside: 0 | 1): void {
    if (this.#reads < readsUnderWay) void this.#readWhileAwaited(beside)
  }

  /** @param beside 1 for a first read at the member after the preferred one */
  async #readWhileAwaited(beside: 0 | 1): Promise<void> {
    this.#reads++
    // Who comes in the same turn of the loop shares the read.
    await nextTurn()
    for (let other = beside; this.#came.size > 0; other = 0) {
      const came = this.#came
      this.#came = new Set()
      const again = () => {
        for (const waiter of came) if (this.#waiting.has(waiter)) this.#came.add(waiter)
      }
      const late = setTimeout(() => {
        again()
        this.#startRead(1)
      }, lateMilliseconds)
      const revision = await this.#read(other)
      clearTimeout(late)
      if (revision === undefined) {
        again()
        await sleep(retryMilliseconds)
        continue
      }
      for (const waiter of came) {
        this.#came.delete(waiter)
        if (!this.#waiting.delete(waiter)) continue
        clearTimeout(waiter.timer)
        waiter.resolve(revision)
      }
    }
    this.#reads--
  }

  /** Undefined when it failed. */
  async #read(beside: 0 | 1): Promise<Revision | undefined> {
    const { client, keys, feed } = this.#options
    const endpoint = (client.preferred + beside) % client.endpoints.length
    const started = performance.now()
    const reached = feed.shows(0) ? feed.reached : 0
    try {
      const response = await client.quickRange({ key: keys.head, limit: 1 }, { deadline: freshReadMilliseconds, endpoint })
      if (this.#isOtherHistory(response.header, reached)) return undefined
      if (performance.now() - started <= freshReadMilliseconds) {
        this.#failingSince = undefined
        this.#lastGood = performance.now()
        return response.kvs[0] === undefined ? 0 : revisionOf(response.kvs[0].modRevision)
      }
      this.#why = `an answer took longer than ${freshReadMilliseconds} ms`
    } catch (error) {
      this.#why = describeFailure(error)
      client.moveOn(endpoint)
    }
    this.#failingSince ??= started
    return undefined
  }

  /** What the replica showed before a linearizable read began is in the cluster it reads: or that was put back to what it once was. */
  #isOtherHistory({ clusterId, revision }: ResponseHeader, reached: Revision): boolean {
    const { feed, onOtherHistory } = this.#options
    if (reached === 0 || (clusterId === feed.cluster && revisionOf(revision) >= reached)) return false
    const why =
      `the cluster was put back to an earlier state, or is another one (revision ${revision}, and this node had seen ${reached}): ` +
      'what this node holds counts no more. Restart it, and it copies what the cluster has'
    onOtherHistory(why)
    this.#refusing = why
    this.#rejectAll(refusal(why))
    return true
  }

  /** After somebody waited in vain: the others wait no longer, and who comes from now on is refused promptly. */
  #refuse(why: string, patience: number): KmipError {
    if (!this.#closed && patience > promptMilliseconds) {
      const isNews = this.#refusing === undefined
      this.#refusing = why
      this.#rejectAll(refusal(why))
      if (isNews) void this.#probe()
    }
    return refusal(why)
  }

  #rejectAll(error: KmipError): void {
    this.#came.clear()
    for (const { timer, reject } of this.#waiting) {
      clearTimeout(timer)
      reject(error)
    }
    this.#waiting.clear()
  }

  /** Tries until a barrier passes, so that an end of the trouble is known at once. */
  async #probe(): Promise<void> {
    while (!this.#closed && this.#refusing !== undefined) await this.#pass(this.#options.timing.barrier).catch(() => undefined)
  }
}

function noMajority(why: string): string {
  return `the cluster has no majority that this node can reach (${why})`
}

function refusal(why: string): KmipError {
  return new KmipError('GeneralFailure', `This node cannot serve now: ${why}. No key is used until that ends.`, { retry: 'another-node' })
}

function shuttingDown(): KmipError {
  return new KmipError('GeneralFailure', 'This node is shutting down.', { retry: 'another-node' })
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

const readsUnderWay = 2
const retryMilliseconds = 20
/** A read that has no answer by then may be lost with a member that died or stands still: another member is asked beside it. */
const lateMilliseconds = 100
const silenceMilliseconds = 600
/** How long a request waits where others have waited in vain. */
const promptMilliseconds = 250
/** Reads that fail for longer than this are told to load balancers; a shorter gap is an election. */
const suspectMilliseconds = 1000
