import type { ClockView } from './clock-watch.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { revisionOf, type StatusResponse } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { type Log, sleep } from './timing.ts'

export interface ClusterHealthOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly log: Log
  readonly ledger: {
    readonly left: string | undefined
    problem(): string | undefined
    notices(): readonly string[]
    readonly reached: number
  }
  readonly clock: () => ClockView
  /** The member that this node supervises; undefined where an operator runs etcd. */
  readonly member: { readonly pid: number | undefined; readonly lastWords: string } | undefined
  /** Bytes, of the supervised member. */
  readonly quota: number | undefined
}

/**
 * How this node stands to its cluster, looked at in the background several times a second: whoever asks is answered at once, from what was
 * seen last, whatever state the cluster is in.
 */
export class ClusterHealth {
  readonly #options: ClusterHealthOptions
  #status: StatusResponse | undefined
  /** Why the member did not answer the last time it was asked. */
  #silence: string | undefined = 'it has not answered yet'
  /** `performance.now()` when linearizable reads began to fail without one that succeeded since. */
  #failingSince: number | undefined
  #why = ''
  /** A revision that the replica did not show yet when the cluster had it, and since when. */
  #awaited: { readonly revision: number; readonly since: number } | undefined
  #clusterRevision = 0
  #said = ''
  readonly #began = performance.now()
  #closed = false
  readonly #done: Promise<unknown>

  constructor(options: ClusterHealthOptions) {
    this.#options = options
    this.#done = Promise.all([this.#watchMember(), this.#watchMajority()])
  }

  /** What keeps this node from serving, or soon may. Sentences with the cure. */
  problems(): readonly string[] {
    const { ledger, clock } = this.#options
    // Of a cluster that this node has no part in any more nothing else helps.
    if (ledger.left !== undefined) return [ledger.left]
    const all = [
      this.#majorityProblem() ?? ledger.problem() ?? this.#lagProblem(),
      this.#memberProblem(),
      this.#spaceProblem(),
      clock().problem,
    ]
    return all.filter((problem) => problem !== undefined)
  }

  /** What an operator should know although the node serves. */
  notices(): readonly string[] {
    const { notice } = this.#options.clock()
    return [...(notice === undefined ? [] : [notice]), ...this.#options.ledger.notices()]
  }

  /** Numbers for metrics, by their names; those that are not known now are left out. */
  gauges(): Readonly<Record<string, number>> {
    const { ledger, clock, quota } = this.#options
    const status = this.#silence === undefined ? this.#status : undefined
    return {
      etcd_up: status === undefined ? 0 : 1,
      etcd_has_leader: status !== undefined && status.leader !== '0' ? 1 : 0,
      ...(status !== undefined && {
        etcd_is_leader: status.leader === status.header.memberId ? 1 : 0,
        etcd_database_bytes: revisionOf(status.dbSize),
        etcd_database_in_use_bytes: revisionOf(status.dbSizeInUse),
        etcd_no_space: isFull(status) ? 1 : 0,
      }),
      ...((quota !== undefined || status !== undefined) && { etcd_quota_bytes: quota ?? revisionOf(status!.dbSizeQuota) }),
      cluster_revision: this.#clusterRevision,
      replica_lag_revisions: Math.max(0, this.#clusterRevision - ledger.reached),
      clock_offset_seconds: clock().deviation / 1000,
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#done
  }

  #majorityProblem(): string | undefined {
    if (this.#failingSince === undefined || performance.now() - this.#failingSince < patienceMilliseconds) return undefined
    return `the cluster has no majority that this node can reach (${this.#why})`
  }

  #lagProblem(): string | undefined {
    const { reached } = this.#options.ledger
    if (this.#awaited === undefined || reached >= this.#awaited.revision) return undefined
    if (performance.now() - this.#awaited.since < patienceMilliseconds) return undefined
    return `the watch is silent: the replica is at revision ${reached}, the cluster at ${this.#clusterRevision}`
  }

  #memberProblem(): string | undefined {
    const { member } = this.#options
    if (member === undefined) return undefined
    if (member.pid === undefined) return `etcd is not running${member.lastWords === '' ? '' : ` (its last words: ${member.lastWords})`}`
    if (this.#silence !== undefined) return `the etcd member does not answer: ${this.#silence}`
    if (this.#status?.leader === '0') return 'the etcd member sees no leader'
    if (this.#status?.isLearner === true) return 'the etcd member is still a learner'
    const other = this.#status?.errors.filter((error) => !noSpace.test(error)) ?? []
    return other.length === 0 ? undefined : `etcd reports: ${other.join(', ')}`
  }

  #spaceProblem(): string | undefined {
    const status = this.#status
    if (status === undefined || !isFull(status)) return undefined
    const { quota } = this.#options
    const [size, limit] = [revisionOf(status.dbSize), quota ?? revisionOf(status.dbSizeQuota)]
    const cure =
      quota === undefined
        ? 'compact and defragment that etcd, or raise its quota, then: etcdctl alarm disarm'
        : 'space is made by itself where there is some to be had; if this stays, raise cluster.etcd.quota on every node and restart one after the other'
    return `etcd's database is full (NOSPACE, ${size} bytes${limit > 0 ? ` of ${limit}` : ''}): keys can be used, nothing can be changed; ${cure}`
  }

  async #watchMember(): Promise<void> {
    const { client, member } = this.#options
    while (!this.#closed) {
      try {
        const endpoint = member === undefined ? client.preferred : 0
        this.#status = await client.status({ deadline: statusMilliseconds, endpoint })
        this.#silence = undefined
      } catch (error) {
        this.#silence = describeFailure(error)
      }
      this.#say()
      await sleep(statusPause)
    }
  }

  async #watchMajority(): Promise<void> {
    const { client, keys, ledger } = this.#options
    while (!this.#closed) {
      const started = performance.now()
      const endpoint = client.preferred
      try {
        const { kvs } = await client.range({ key: keys.head, limit: 1 }, { deadline: readMilliseconds, endpoint })
        this.#failingSince = undefined
        this.#clusterRevision = kvs[0] === undefined ? 0 : revisionOf(kvs[0].modRevision)
        if (this.#awaited === undefined || ledger.reached >= this.#awaited.revision)
          this.#awaited =
            ledger.reached >= this.#clusterRevision ? undefined : { revision: this.#clusterRevision, since: performance.now() }
      } catch (error) {
        this.#failingSince ??= started
        this.#why = describeFailure(error)
        client.moveOn(endpoint)
      }
      await sleep(readPause)
    }
  }

  /** Once for each change, so that the log tells when and why the node was out. */
  #say(): void {
    const problems = this.problems()
    // A node that starts is not ready for a moment, and that is no news.
    if (this.#said === '' && problems.length > 0 && performance.now() - this.#began < startMilliseconds) return
    // Numbers in a problem change; that is no news.
    const kind = problems.join('\n').replace(/\d+/g, '#')
    if (kind === this.#said) return
    if (problems.length > 0) this.#options.log('warn', `not ready: ${problems.join('; ')}`)
    else if (this.#said !== '') this.#options.log('info', 'ready again')
    this.#said = kind
  }
}

export function isFull(status: Pick<StatusResponse, 'errors'>): boolean {
  return status.errors.some((error) => noSpace.test(error))
}

const noSpace = /NOSPACE/
/** With what it takes to notice, less than a second in all; an election is over by then, mostly. */
const patienceMilliseconds = 600
const startMilliseconds = 5000
const statusMilliseconds = 400
const statusPause = 250
const readMilliseconds = 300
const readPause = 150
