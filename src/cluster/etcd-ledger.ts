import { KmipError } from '../../spec/kmip-error.ts'
import type { ChangeSet, CommitOutcome, Ledger, Place, Revision } from '../store/index.ts'
import { BackgroundCheck, type CheckPace, defaultCheckPace } from './background-check.ts'
import { etcdDefaultLimits, type TransactionLimits } from './change-transaction.ts'
import { CommitQueue } from './commit-queue.ts'
import { EtcdClient, type TlsFiles } from './etcd-client.ts'
import { Keys } from './keys.ts'
import { ReadBarrier } from './read-barrier.ts'
import { defaultTiming, type Log, type Timing } from './timing.ts'
import { type ReplicaTarget, WatchFeed } from './watch-feed.ts'

export interface EtcdLedgerOptions {
  /** `https://HOST:PORT` of the cluster's members; the node's own member first. */
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles
  /** The node's name, unique in the cluster: a second process of the same name cuts off the first one's writes. */
  readonly node: string
  /** The local copy, written by this ledger alone. */
  readonly replica: ReplicaTarget
  /** Of all of Tresor's keys in etcd. */
  readonly prefix?: string
  readonly limits?: TransactionLimits
  readonly timing?: Partial<Timing>
  /** How fast the replica is compared with the cluster. */
  readonly check?: CheckPace
  readonly log?: Log
}

/**
 * The ledger of a cluster: etcd holds the order of all changes, the replica follows it.
 *
 * It returns at once and connects by itself, now and after every fault; until then `problem()` says what is missing, a barrier fails and a
 * commit waits for its deadline. A commit that certainly changed nothing, for want of a majority, throws KmipError GeneralFailure.
 */
export function openEtcdLedger(options: EtcdLedgerOptions): EtcdLedger {
  return new EtcdLedger(options)
}

export class EtcdLedger implements Ledger {
  readonly #client: EtcdClient
  readonly #feed: WatchFeed
  readonly #queue: CommitQueue
  readonly #barrier: ReadBarrier
  readonly #probe: NodeJS.Timeout
  readonly #check: BackgroundCheck | undefined
  #left: string | undefined

  constructor(options: EtcdLedgerOptions) {
    const timing = { ...defaultTiming, ...options.timing }
    const log = options.log ?? (() => {})
    const keys = new Keys(options.prefix)
    const client = new EtcdClient(options)
    const onNonce = (nonce: string, revision: Revision) => this.#queue.seen(nonce, revision)
    const feed = new WatchFeed({ client, keys, replica: options.replica, log, onNonce, onNewerFormat: (why) => this.leave(why) })
    this.#client = client
    this.#feed = feed
    this.#queue = new CommitQueue({ client, keys, node: options.node, feed, limits: options.limits ?? etcdDefaultLimits, timing, log })
    const onOtherHistory = (why: string) => {
      this.leave(why)
      log('error', why)
    }
    this.#barrier = new ReadBarrier({ client, keys, feed, timing, onOtherHistory })
    feed.start()
    this.#probe = setInterval(() => {
      if (this.#barrier.idle >= timing.probe) this.#barrier.pass().catch(() => {})
    }, timing.probe)
    this.#barrier.pass().catch(() => {})
    const { replica } = options
    const { check } = replica
    const barrier = () => this.#barrier.pass()
    if (check !== undefined)
      this.#check = new BackgroundCheck({ client, keys, feed, replica, check, barrier, log, pace: options.check ?? defaultCheckPace })
  }

  barrier(patience?: number): Promise<void> {
    if (this.#left !== undefined) return Promise.reject(this.#refusal(this.#left))
    return this.#barrier.pass(patience)
  }

  earlierSettled(): Promise<void> {
    return this.#queue.fenced()
  }

  commit(changes: ChangeSet): Promise<CommitOutcome> {
    if (this.#left !== undefined) return Promise.reject(this.#refusal(this.#left))
    return this.#queue.commit(changes)
  }

  async mend(place: Place): Promise<boolean> {
    return (await this.#check?.mend(place)) === true
  }

  problem(): string | undefined {
    return this.#left ?? this.#queue.problem() ?? this.#barrier.problem() ?? this.#feed.problem()
  }

  recordFormat(): number {
    return this.#queue.format
  }

  /** The newest format of stored values that all nodes read. */
  mayWrite(format: number): void {
    this.#queue.format = format
  }

  /** From now on nothing is answered: this node has no part in the cluster any more. */
  leave(why: string): void {
    this.#left = why
  }

  /** Why this node has no part in the cluster any more; undefined while it has. */
  get left(): string | undefined {
    return this.#left
  }

  #refusal(why: string): KmipError {
    return new KmipError('GeneralFailure', `Nothing was done: ${why}.`, { retry: 'another-node' })
  }

  /** What an operator should know although the node serves. */
  notices(): readonly string[] {
    return [this.#check?.notice()].filter((notice) => notice !== undefined)
  }

  /** Members that joined since: where to go when those known fail. */
  learnEndpoints(endpoints: readonly string[]): void {
    this.#client.learn(endpoints)
  }

  /** The node's certificate was renewed. */
  renew(): void {
    this.#client.renew()
  }

  /** The revision that the replica shows. */
  get reached(): Revision {
    return this.#feed.reached
  }

  /** Numbers for metrics, by their names. */
  counters(): Readonly<Record<string, number>> {
    const { transactions, changeSets } = this.#queue.sent
    return {
      etcd_transactions_total: transactions,
      etcd_change_sets_total: changeSets,
      replica_snapshots_total: this.#feed.snapshots,
      replica_check_rounds_total: this.#check?.rounds ?? 0,
      replica_differences_total: this.#check?.differences ?? 0,
    }
  }

  /** Asks and watches at other members than the node's own for as long as `work` takes. */
  withoutOwnMember(work: () => Promise<void>): Promise<void> {
    this.#feed.leave(0)
    return this.#client.without(0, work)
  }

  async close(): Promise<void> {
    clearInterval(this.#probe)
    this.#barrier.close()
    await this.#check?.close()
    this.#queue.close()
    await this.#feed.close()
    this.#client.close()
  }
}
