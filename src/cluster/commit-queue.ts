import { KmipError, type KmipErrorOptions } from '../../spec/kmip-error.ts'
import { type ChangeSet, type CommitOutcome, firstFormat } from '../store/index.ts'
import { outcomesOf, type TransactionLimits, takeBatch, transactionOf, whyTooLarge } from './change-transaction.ts'
import { describeFailure, type EtcdClient, isOutOfSpace, isRefusal } from './etcd-client.ts'
import { revisionOf, type TxnResponse } from './etcd-messages.ts'
import { Fence } from './fence.ts'
import type { Keys } from './keys.ts'
import { Proposal } from './proposal.ts'
import { type Log, sleep, type Timing } from './timing.ts'
import type { WatchFeed } from './watch-feed.ts'

export interface CommitQueueOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly node: string
  readonly feed: WatchFeed
  readonly limits: TransactionLimits
  readonly timing: Timing
  readonly log: Log
}

/**
 * Sends change sets to etcd: those that wait together share a transaction, several transactions are under way at a time.
 * After a lost answer nothing is sent until the fence has settled what became of it.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions
  readonly #fence: Fence
  readonly #waiting: Proposal[] = []
  /** Sent, and not answered yet, by nonce. */
  readonly #sent = new Map<string, Proposal>()
  readonly #doubtful = new Set<Proposal>()
  #transactions = 0
  #pumpScheduled = false
  #settling = false
  /** An answer was lost and the fence not raised since: sending more would only make more of it. */
  #unfenced = true
  #raisePatience = raiseMilliseconds
  #replaced: string | undefined
  /** Why the fence could not be raised, as the log has it. */
  #said: string | undefined
  #closed = false
  /** What values are written in: see `format-watch.ts`. */
  format = firstFormat
  /** Transactions sent to etcd, and the change sets in them. */
  readonly sent = { transactions: 0, changeSets: 0 }

  constructor(options: CommitQueueOptions) {
    this.#options = options
    this.#fence = new Fence(options.client, options.keys.fence(options.node))
  }

  async commit(changes: ChangeSet): Promise<CommitOutcome> {
    if (this.#replaced !== undefined) throw new KmipError('GeneralFailure', this.#replaced, elsewhere)
    if (this.#closed) throw new KmipError('GeneralFailure', 'Nothing was changed: this node is shutting down.', elsewhere)
    if (changes.writes.length === 0) throw new Error('a change set without writes has nothing to commit')
    const proposal = new Proposal(changes, this.#options.keys, performance.now() + this.#options.timing.commit, this.format)
    const tooLarge = whyTooLarge(proposal, this.#options.limits)
    if (tooLarge !== undefined) throw new KmipError('GeneralFailure', `Nothing was changed: ${tooLarge}.`)
    this.#waiting.push(proposal)
    this.#schedulePump()
    return await proposal.outcome
  }

  /** Another process took this node's name; undefined otherwise. */
  problem(): string | undefined {
    return this.#replaced
  }

  /**
   * Resolves when nothing can be applied any more that an earlier process of this node sent.
   * @throws KmipError when the cluster does not answer in time
   */
  async fenced(): Promise<void> {
    const deadline = performance.now() + this.#options.timing.commit
    while (this.#fence.position === undefined) {
      if (this.#closed || this.#replaced !== undefined || performance.now() > deadline)
        throw new KmipError('GeneralFailure', this.#replaced ?? 'the cluster does not take writes', elsewhere)
      void this.#clearDoubts()
      await sleep(fenceMilliseconds)
    }
  }

  /** The watch shows a nonce: whatever became of the answer, that change set is committed. */
  seen(nonce: string, revision: number): void {
    const proposal = this.#sent.get(nonce)
    if (proposal !== undefined) this.#settle(proposal, { outcome: 'committed', revision })
  }

  close(): void {
    this.#closed = true
    for (const proposal of this.#waiting.splice(0)) proposal.refuse('this node is shutting down.', elsewhere)
    for (const proposal of this.#sent.values())
      proposal.settle({ outcome: 'unknown', why: 'this node shut down before the cluster answered' })
    this.#sent.clear()
    this.#doubtful.clear()
  }

  /** Requests that arrive in the same turn of the loop should share a transaction. */
  #schedulePump(): void {
    if (this.#pumpScheduled) return
    this.#pumpScheduled = true
    setImmediate(() => {
      this.#pumpScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#closed || this.#settling) return
    if (this.#unfenced) {
      void this.#clearDoubts()
      return
    }
    while (this.#transactions < transactionsUnderWay && this.#waiting.length > 0)
      void this.#send(takeBatch(this.#waiting, this.#options.limits))
  }

  async #send(batch: readonly Proposal[]): Promise<void> {
    const { client, keys, feed, timing } = this.#options
    const fence = this.#fence.position!
    for (const proposal of batch) {
      proposal.snapshotsBefore = feed.snapshots
      proposal.sentUnder = fence.revision
      this.#sent.set(proposal.nonce, proposal)
    }
    const endpoint = client.preferred
    this.#transactions++
    this.sent.transactions++
    this.sent.changeSets += batch.length
    try {
      const response = await client.txn(transactionOf(batch, keys, fence), { deadline: timing.attempt, endpoint })
      if (response.succeeded) {
        for (const [index, outcome] of outcomesOf(batch, response).entries()) this.#settle(batch[index]!, outcome)
      } else {
        this.#fencedOff(batch, response)
      }
    } catch (error) {
      if (isOutOfSpace(error)) {
        void this.#lookWhetherApplied(batch, `etcd refused the change: ${describeFailure(error)}.`)
      } else if (isRefusal(error)) {
        for (const proposal of batch) this.#refuse(proposal, `etcd refused the change: ${describeFailure(error)}.`)
      } else {
        this.#options.log('warn', `etcd at ${client.endpoints[endpoint]} did not answer a transaction: ${describeFailure(error)}`)
        client.moveOn(endpoint)
        for (const proposal of batch) if (!proposal.settled) this.#doubtful.add(proposal)
        if (fence.revision === this.#fence.position?.revision) this.#unfenced = true
        void this.#clearDoubts()
      }
    } finally {
      this.#transactions--
      if (this.#waiting.length > 0) this.#schedulePump()
    }
  }

  /**
   * etcd applies the change that takes its database over the quota, and answers all the same that there is no space. With the answer its lot is
   * cast: once the watch has passed what a majority has now, it has been seen or never will be.
   */
  async #lookWhetherApplied(batch: readonly Proposal[], why: string): Promise<void> {
    const { client, keys, feed, timing } = this.#options
    const open = () => !this.#closed && batch.some(({ settled, deadline }) => !settled && performance.now() < deadline)
    while (open()) {
      const endpoint = client.preferred
      try {
        const { kvs } = await client.range({ key: keys.head, limit: 1 }, { deadline: timing.attempt, endpoint })
        const head = kvs[0] === undefined ? 0 : revisionOf(kvs[0].modRevision)
        if (await feed.waitFor(head, timing.attempt)) break
        feed.leaveSilentMember()
      } catch {
        client.moveOn(endpoint)
        await sleep(retryMilliseconds)
      }
    }
    if (this.#closed) return
    for (const proposal of batch) {
      if (proposal.snapshotsBefore !== feed.snapshots) this.#unknown(proposal, 'the history that would tell was compacted')
      else if (performance.now() < proposal.deadline) this.#refuse(proposal, why)
      else this.#unknown(proposal, 'the cluster did not answer in time')
    }
  }

  /** The outer compare failed, so nothing of it was or will be applied: it is sent again under the fence as it stands. */
  #fencedOff(batch: readonly Proposal[], response: TxnResponse): void {
    if (this.#fence.adopt(response.responses[0]?.responseRange?.kvs[0])) this.#sendAgain(batch)
    else this.#giveWay(batch)
  }

  /** The other process's fence cut off everything that was under way; what of it came before is not known here, but for those it turned away. */
  #giveWay(turnedAway: readonly Proposal[] = []): void {
    const why = `another process runs as node ${this.#options.node} and took over; stop one of the two`
    this.#replaced = why
    for (const proposal of turnedAway) this.#refuse(proposal, `${why}.`, elsewhere)
    for (const proposal of this.#waiting.splice(0)) proposal.refuse(`${why}.`, elsewhere)
    for (const proposal of [...this.#sent.values()]) this.#unknown(proposal, why)
  }

  #sendAgain(proposals: Iterable<Proposal>): void {
    for (const proposal of proposals) {
      if (proposal.settled) continue
      this.#sent.delete(proposal.nonce)
      if (performance.now() < proposal.deadline) this.#waiting.unshift(proposal)
      else proposal.refuse('the cluster did not answer in time.', elsewhere)
    }
    this.#schedulePump()
  }

  async #clearDoubts(): Promise<void> {
    if (this.#settling) return
    this.#settling = true
    try {
      while (!this.#closed && this.#replaced === undefined && (this.#doubtful.size > 0 || this.#unfenced)) {
        await this.#settleOnce()
        this.#expire()
      }
    } finally {
      this.#settling = false
      this.#schedulePump()
    }
  }

  /** Raises the fence if nobody has since, waits until the watch has passed it, and then knows. */
  async #settleOnce(): Promise<void> {
    const { feed, timing, log } = this.#options
    try {
      if (this.#unfenced && !(await this.#fence.raise(Math.min(this.#raisePatience, timing.attempt)))) {
        this.#giveWay()
        return
      }
      this.#unfenced = false
      this.#said = undefined
      this.#raisePatience = raiseMilliseconds
      const fence = this.#fence.position!.revision
      const settled = [...this.#doubtful].filter((proposal) => proposal.sentUnder! < fence)
      if (settled.length === 0) return
      if (!(await feed.waitFor(fence, timing.attempt))) {
        feed.leaveSilentMember()
        return
      }
      for (const proposal of settled) this.#doubtful.delete(proposal)
      // A snapshot shows only the newest write of each place: what it overwrote cannot be seen any more.
      const [gone, clear] = partition(settled, (proposal) => proposal.snapshotsBefore !== feed.snapshots)
      for (const proposal of gone) this.#unknown(proposal, 'the history that would tell was compacted')
      this.#sendAgain(clear)
    } catch (error) {
      const { message, cause } = error as Error
      if (this.#said !== message) log('warn', `the cluster does not take writes: ${message}`)
      this.#said = message
      if (isRefusal(cause)) for (const proposal of this.#waiting.splice(0)) proposal.refuse(`etcd refused the change: ${message}.`)
      this.#raisePatience = Math.min(this.#raisePatience * raiseGrowth, timing.attempt)
      await sleep(retryMilliseconds)
    }
  }

  #expire(): void {
    const now = performance.now()
    for (const proposal of this.#doubtful) {
      if (now > proposal.deadline) this.#unknown(proposal, 'the cluster did not answer in time')
    }
    for (let index = this.#waiting.length - 1; index >= 0; index--) {
      if (now > this.#waiting[index]!.deadline)
        this.#waiting.splice(index, 1)[0]!.refuse('the cluster has no majority that answers.', elsewhere)
    }
  }

  #unknown(proposal: Proposal, why: string): void {
    this.#doubtful.delete(proposal)
    this.#settle(proposal, { outcome: 'unknown', why })
  }

  #settle(proposal: Proposal, outcome: CommitOutcome): void {
    this.#sent.delete(proposal.nonce)
    this.#doubtful.delete(proposal)
    if (!proposal.settled) proposal.settle(outcome)
  }

  #refuse(proposal: Proposal, why: string, options?: KmipErrorOptions): void {
    this.#sent.delete(proposal.nonce)
    if (!proposal.settled) proposal.refuse(why, options)
  }
}

const elsewhere: KmipErrorOptions = { retry: 'another-node' }

/** While the disks of a majority are busy with one, the next gathers; more would be smaller ones, each with an fsync of its own. */
const transactionsUnderWay = 2
const retryMilliseconds = 50
const fenceMilliseconds = 10
/** Raising the fence may be repeated freely: so it asks soon again, since what is sent during an election may be lost; longer if that is not enough. */
const raiseMilliseconds = 250
const raiseGrowth = 1.3

function partition<T>(items: readonly T[], test: (item: T) => boolean): [yes: T[], no: T[]] {
  const yes: T[] = []
  const no: T[] = []
  for (const item of items) (test(item) ? yes : no).push(item)
  return [yes, no]
}
