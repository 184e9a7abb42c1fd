import type { CommitOutcome } from '../store/index.ts'
import { type RequestOp, revisionOf, type TxnRequest, type TxnResponse } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import type { Proposal } from './proposal.ts'
import { markOf } from './stored-value.ts'

/** What etcd accepts in one transaction and one request. */
export interface TransactionLimits {
  /** etcd's `--max-txn-ops`: an outer transaction's operations plus those of its largest inner one. */
  readonly operations: number
  /** Bytes; below etcd's `--max-request-bytes` (1.5 MiB). */
  readonly bytes: number
  /** Change sets that share a transaction. */
  readonly sets: number
}

export const etcdDefaultLimits: TransactionLimits = { operations: 128, bytes: 1024 * 1024, sets: 64 }

/** Operations of the inner transaction of a change set. */
function operationsOf(proposal: Proposal): number {
  return Math.max(proposal.guards.length, proposal.operations.length + (proposal.onlyRemoves ? 1 : 0))
}

/** Undefined when a change set fits into a transaction of its own; else why not. */
export function whyTooLarge(proposal: Proposal, limits: TransactionLimits): string | undefined {
  // Beside it in the outer transaction: the head.
  const room = limits.operations - 2
  if (operationsOf(proposal) > room) {
    return `the request changes or relies on ${operationsOf(proposal)} stored values, and one etcd transaction takes ${room}; send fewer batch items in a request`
  }
  if (proposal.size > limits.bytes)
    return `the request changes ${proposal.size} bytes, and one etcd transaction takes ${limits.bytes}; send fewer batch items in a request`
  return undefined
}

/**
 * Takes from the queue, oldest first, what may share one transaction: sets of which none writes what another writes or relies on.
 * etcd evaluates all compares before it applies anything, so such sets cannot influence each other.
 */
export function takeBatch(queue: Proposal[], limits: TransactionLimits): Proposal[] {
  const batch: Proposal[] = []
  const written = new Set<string>()
  const reliedOn = new Set<string>()
  let bytes = 0
  let largest = 0
  for (let index = 0; index < queue.length && batch.length < limits.sets; ) {
    const candidate = queue[index]!
    const most = Math.max(largest, operationsOf(candidate))
    const fits = bytes + candidate.size <= limits.bytes && batch.length + 2 + most <= limits.operations
    const disjoint =
      candidate.written.every((key) => !written.has(key) && !reliedOn.has(key)) && candidate.reliedOn.every((key) => !written.has(key))
    if (batch.length > 0 && !(fits && disjoint)) {
      index++
      continue
    }
    queue.splice(index, 1)
    batch.push(candidate)
    bytes += candidate.size
    largest = most
    for (const key of candidate.written) written.add(key)
    for (const key of candidate.reliedOn) reliedOn.add(key)
  }
  return batch
}

/** The fence that a transaction is sent under: see `fence.ts`. */
export interface FencePosition {
  readonly key: Uint8Array
  readonly revision: number
}

/**
 * One etcd transaction, so one Raft entry and one fsync, for a batch: an inner transaction for each change set, with its own guards and
 * its own outcome. The outer compare holds only while the fence stands where it stood; the head is written beside.
 */
export function transactionOf(batch: readonly Proposal[], keys: Keys, fence: FencePosition): TxnRequest {
  const inner = batch.map((proposal, index): RequestOp => {
    const compare = proposal.guards.map(({ key, guard }) => ({ result: 'EQUAL', target: 'MOD', key, modRevision: guard.revision }) as const)
    const mark: RequestOp[] = proposal.onlyRemoves ? [{ requestPut: { key: keys.mark(index), value: markOf(proposal.nonceBytes) } }] : []
    // Told in the case of a conflict: which guard it was.
    const failure = proposal.guards.map(({ key }) => ({ requestRange: { key, limit: 1, keysOnly: true } }))
    return { requestTxn: { compare, success: [...proposal.operations, ...mark], failure } }
  })
  return {
    compare: [{ result: 'EQUAL', target: 'MOD', key: fence.key, modRevision: fence.revision }],
    success: [{ requestPut: { key: keys.head, value: headValue } }, ...inner],
    failure: [{ requestRange: { key: fence.key, limit: 1 } }],
  }
}

/** The outcome of each change set of a batch whose outer transaction succeeded. */
export function outcomesOf(batch: readonly Proposal[], response: TxnResponse): CommitOutcome[] {
  const revision = revisionOf(response.header.revision)
  return batch.map((proposal, index) => {
    const inner = response.responses[index + 1]?.responseTxn
    if (inner == null) throw new Error(`etcd answered a transaction of ${batch.length} change sets without the outcome of number ${index}`)
    if (inner.succeeded) return { outcome: 'committed', revision }
    const broken = proposal.guards.find(({ guard }, at) => {
      const found = inner.responses[at]?.responseRange?.kvs[0]
      return (found === undefined ? 0 : revisionOf(found.modRevision)) !== guard.revision
    })
    return { outcome: 'conflict', place: (broken ?? proposal.guards[0]!).guard.place }
  })
}

/** The head's content means nothing: its revision is what counts. */
const headValue = Buffer.of(1)
