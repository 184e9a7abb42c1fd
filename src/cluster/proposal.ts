import { KmipError, type KmipErrorOptions } from '../../spec/kmip-error.ts'
import { type ChangeSet, type CommitOutcome, firstFormat, type Guard } from '../store/index.ts'
import type { RequestOp } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { encodeStored, nonceLength } from './stored-value.ts'

/** A change set on its way to etcd: encoded once, answered once. */
export class Proposal {
  readonly nonce: string
  readonly nonceBytes: Uint8Array
  readonly guards: readonly { readonly key: Buffer; readonly guard: Guard }[]
  readonly operations: readonly RequestOp[]
  /** Keys as text, for comparing sets with each other. */
  readonly written: readonly string[]
  readonly reliedOn: readonly string[]
  /** About how many bytes it adds to a request. */
  readonly size: number
  /** Nothing it writes carries a nonce that the watch could show. */
  readonly onlyRemoves: boolean
  /** `performance.now()` when its outcome must have been told. */
  readonly deadline: number
  /** The fence it was last sent under; undefined when it was never sent. */
  sentUnder: number | undefined
  /** How many snapshots the feed had taken when it was last sent. */
  snapshotsBefore = 0

  readonly outcome: Promise<CommitOutcome>
  readonly #resolve: (outcome: CommitOutcome) => void
  readonly #reject: (error: Error) => void
  #settled = false

  constructor(changes: ChangeSet, keys: Keys, deadline: number, format: number = firstFormat) {
    this.nonceBytes = changes.nonce
    this.nonce = nonceText(changes.nonce)
    this.deadline = deadline
    this.guards = changes.guards.map((guard) => ({ key: keys.of(guard.place), guard }))
    this.operations = changes.writes.map(({ place, value, terms, order }) => {
      const key = keys.of(place)
      if (value === undefined) return { requestDeleteRange: { key } }
      return { requestPut: { key, value: encodeStored({ nonce: changes.nonce, order, terms, value }, format) } }
    })
    this.onlyRemoves = changes.writes.every((write) => write.value === undefined)
    this.written = this.operations.map((operation) => (operation.requestPut ?? operation.requestDeleteRange!).key).map(keyText)
    this.reliedOn = this.guards.map(({ key }) => keyText(key))
    this.size = sizeOf(this)
    refuseRepetitions(changes, this.written)
    const { promise, resolve, reject } = withResolvers<CommitOutcome>()
    this.outcome = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  get settled(): boolean {
    return this.#settled
  }

  settle(outcome: CommitOutcome): void {
    this.#settled = true
    this.#resolve(outcome)
  }

  /** For a change set that certainly was not and never will be applied, and that cannot be tried again here. */
  refuse(why: string, options?: KmipErrorOptions): void {
    this.#settled = true
    this.#reject(new KmipError('GeneralFailure', `Nothing was changed: ${why}`, options))
  }
}

export function nonceText(nonce: Uint8Array): string {
  return Buffer.from(nonce.buffer, nonce.byteOffset, nonce.length).toString('latin1')
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

/** Tags and lengths around an operation, a compare and a range; generous. */
const overhead = 24

function sizeOf(proposal: Pick<Proposal, 'operations' | 'guards'>): number {
  let size = nonceLength + overhead
  for (const { requestPut, requestDeleteRange } of proposal.operations) {
    size += overhead + (requestPut === undefined ? requestDeleteRange!.key.length : requestPut.key.length + requestPut.value.length)
  }
  for (const { key } of proposal.guards) size += 2 * (overhead + key.length)
  return size
}

/** etcd refuses a whole transaction that writes a key twice, and so would fail the requests that share it. */
function refuseRepetitions(changes: ChangeSet, written: readonly string[]): void {
  if (new Set(written).size === written.length) return
  const index = written.findIndex((key, at) => written.indexOf(key) !== at)
  const { kind, id } = changes.writes[index]!.place
  throw new Error(`a change set writes ${kind} ${JSON.stringify(id)} twice; a unit of work must keep its last write only`)
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}
