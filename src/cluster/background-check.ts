import type { Place, ReplicaCheck } from '../store/index.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import type { Keys } from './keys.ts'
import { ownPlaces } from './own-places.ts'
import { entryOf, rangesOf, readStored } from './snapshot.ts'
import { NewerFormat } from './stored-value.ts'
import type { Log } from './timing.ts'
import type { ReplicaTarget, WatchFeed } from './watch-feed.ts'

export interface CheckPace {
  /** Values and index entries that are looked at in a second. */
  readonly perSecond: number
  /** Milliseconds between the end of one round and the beginning of the next. */
  readonly rest: number
}

export const defaultCheckPace: CheckPace = { perSecond: 2000, rest: 600_000 }

export interface BackgroundCheckOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly feed: WatchFeed
  readonly replica: ReplicaTarget
  readonly check: ReplicaCheck
  readonly barrier: () => Promise<void>
  readonly pace: CheckPace
  readonly log: Log
}

/**
 * Compares the replica with the cluster all the time, slowly: each value and its revision byte for byte, nothing that is not in the cluster,
 * and an index that says what the values say. What differs is told, counted, and made right from the cluster. A replica that only follows
 * would never notice what a faulty disk or a foreign hand did to its file.
 */
export class BackgroundCheck {
  readonly #options: BackgroundCheckOptions
  #rounds = 0
  #differences = 0
  #last: Date | undefined
  #wake: (() => void) | undefined
  #closed = false
  readonly #done: Promise<void>

  constructor(options: BackgroundCheckOptions) {
    this.#options = options
    this.#done = this.#run()
  }

  /** Whole rounds that were made. */
  get rounds(): number {
    return this.#rounds
  }

  /** Places and index keys that were found wrong, and made right. */
  get differences(): number {
    return this.#differences
  }

  /**
   * Asks what the cluster had at the very revision that the replica stands at, and mends the place if it is not that.
   * @returns whether it was not
   */
  async mend(place: Place): Promise<boolean> {
    const { client, keys, feed, check } = this.#options
    const isMended = await feed.standing(async (revision) => {
      const { kvs } = await client.range({ key: keys.of(place), limit: 1, revision }, { deadline: standingMilliseconds })
      const entry = kvs[0] && entryOf(keys, kvs[0])
      if (check.is(place, entry)) return false
      await check.mend(place, entry)
      return true
    })
    if (isMended) await this.#tell(1, `its ${place.kind} ${JSON.stringify(place.id)} of ${place.space}`)
    return isMended
  }

  /** What an operator should know, when anything was ever found wrong. */
  notice(): string | undefined {
    if (this.#last === undefined) return undefined
    return `the replica differed from the cluster in ${this.#differences} places, the last found and mended at ${this.#last.toISOString()}; look for disk errors in the system's log, and for who else can write this node's data`
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake?.()
    await this.#done
  }

  async #run(): Promise<void> {
    const { log, pace } = this.#options
    while (!this.#closed) {
      try {
        await this.#options.barrier()
        await this.#round()
        this.#rounds++
        await this.#pause(pace.rest)
      } catch (error) {
        // The watch meets it too, and says so.
        if (error instanceof NewerFormat) return
        if (!this.#closed) log('warn', `the replica's check was broken off and begins anew: ${describeFailure(error)}`)
        await this.#pause(retryMilliseconds)
      }
    }
  }

  async #round(): Promise<void> {
    const { client, keys, replica, check, barrier } = this.#options
    const groups = replica.groups()
    for await (const { revision, after, through, entries } of readStored(client, keys, lookedAtOnce, { asOf: 'each page' })) {
      // Now the replica shows at least what the run shows.
      await barrier()
      const ranges = rangesOf(keys, groups, after, through)
      for (const place of check.differing(ranges, entries, revision, ownPlaces)) await this.mend(place)
      await this.#mendIndex(check.missingEntries(entries.map(({ place }) => place)))
      await this.#pace(entries.length)
      if (this.#closed) return
    }
    for (const faults of check.index(lookedAtOnce)) {
      if (this.#closed) return
      await this.#mendIndex(faults)
      await this.#pace(lookedAtOnce)
    }
  }

  async #mendIndex(faults: Parameters<ReplicaCheck['mendIndex']>[0]): Promise<void> {
    const mended = await this.#options.check.mendIndex(faults)
    if (mended > 0) await this.#tell(mended, `${mended} keys of its index`)
  }

  async #tell(count: number, what: string): Promise<void> {
    const { client, keys, log } = this.#options
    this.#differences += count
    this.#last = new Date()
    log('error', `the replica differed from the cluster and was mended: ${what}`)
    // What processes keep of it they trust as long as nothing is committed.
    await client.put({ key: keys.head, value: Buffer.of(1) }, { deadline: putMilliseconds })
  }

  #pace(count: number): Promise<void> {
    return this.#pause((count * 1000) / this.#options.pace.perSecond)
  }

  /** Ends at once when the ledger is closed. */
  #pause(milliseconds: number): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

const lookedAtOnce = 200
const putMilliseconds = 5000
/** The watch stands still for as long. */
const standingMilliseconds = 500
const retryMilliseconds = 5000
