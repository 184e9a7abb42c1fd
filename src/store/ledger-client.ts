import type { Socket } from 'node:net'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import { MessageStream } from '../processes/message-stream.ts'
import { BarrierCalls } from './barrier-calls.ts'
import { openDatabase } from './database.ts'
import type { ChangeSet, CommitOutcome, Ledger } from './ledger.ts'
import { type Asked, type BarrierKind, type FromLedger, largestFrame, type ToLedger, type ToldError } from './ledger-wire.ts'
import { firstFormat } from './record-format.ts'
import { LocalReplica } from './replica.ts'

export interface RemoteLedgerOptions {
  /** Where `serveLedger` listens. */
  readonly socketPath: string
  /** The ledger's folder, whose replica is opened for reading. */
  readonly directory: string
}

interface Waiting {
  readonly resolve: (outcome: CommitOutcome | undefined) => void
  readonly reject: (error: Error) => void
  readonly changes?: ChangeSet
}

/** Milliseconds between attempts to reach the ledger process again. */
const retryEvery = 100
/** Milliseconds to wait for the ledger process to come back before a request fails, or its lost commit is called unknown. */
const backWithin = 5_000
/** Milliseconds after which a lost commit is called unknown. */
const settleWithin = 8_000

/** A worker's ledger: commits go to the ledger process, reads to the shared replica. */
export class RemoteLedger implements Ledger {
  readonly replica: LocalReplica
  readonly #database
  readonly #socketPath: string
  readonly #waiting = new Map<number, Waiting>()
  #socket: Socket | undefined
  #stream: MessageStream<ToLedger, FromLedger> | undefined
  #barrierKind: BarrierKind = 'asked'
  #instance: string | undefined
  #problem: string | undefined = 'the ledger process has not been reached yet'
  #format = firstFormat
  #calls = 0
  #closed = false
  readonly #barriers = new BarrierCalls(async (patience) => void (await this.#call({ barrier: patience })))
  #whenUp: (() => void)[] = []

  constructor({ socketPath, directory }: RemoteLedgerOptions) {
    this.#socketPath = socketPath
    this.#database = openDatabase(directory, 'reader')
    this.replica = new LocalReplica(this.#database)
    this.#connect()
  }

  /** Resolves when the ledger process has been reached. */
  async ready(): Promise<void> {
    while (this.#stream === undefined && !this.#closed) await new Promise<void>((resolve) => this.#whenUp.push(resolve))
  }

  async barrier(patience?: number): Promise<void> {
    if (this.#barrierKind === 'asked' || this.#stream === undefined) await this.#barriers.pass(patience)
    this.replica.renew()
  }

  async commit(changes: ChangeSet): Promise<CommitOutcome> {
    const outcome = await this.#call({ commit: changes })
    if (outcome === undefined) throw new Error('the ledger process answered a commit without its outcome')
    this.replica.renew()
    return outcome
  }

  problem(): string | undefined {
    return this.#problem
  }

  recordFormat(): number {
    return this.#format
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#socket?.destroy()
    for (const wake of this.#whenUp.splice(0)) wake()
    await this.#database.close()
  }

  /** @throws KmipError GeneralFailure when the ledger process does not come back in time, or says so itself. */
  async #call(asked: Asked): Promise<CommitOutcome | undefined> {
    if (this.#stream === undefined) await this.#back()
    const stream = this.#stream
    if (stream === undefined)
      throw new KmipError('GeneralFailure', "The node's ledger process is not reachable; nothing was changed. Try again in a moment.", {
        retry: 'another-node',
      })
    const call = ++this.#calls
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject, ...('commit' in asked ? { changes: asked.commit } : {}) })
      stream.send({ call, ...asked })
    })
  }

  /** Waits until the ledger process is reached, but not for long. */
  async #back(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, backWithin)
    })
    await Promise.race([this.ready(), late])
    clearTimeout(timer)
  }

  #connect(): void {
    if (this.#closed) return
    const onMessage = (message: FromLedger) => this.#take(message, stream)
    const { socket, stream } = MessageStream.connect<ToLedger, FromLedger>(this.#socketPath, largestFrame, onMessage)
    this.#socket = socket
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#disconnected())
  }

  #take(message: FromLedger, stream: MessageStream<ToLedger, FromLedger>): void {
    if ('hello' in message) {
      this.#barrierKind = message.hello.barrier
      this.#instance = message.hello.instance
      this.#stream = stream
      for (const wake of this.#whenUp.splice(0)) wake()
    } else if ('call' in message) {
      const waiting = this.#waiting.get(message.call)
      this.#waiting.delete(message.call)
      if (message.error === undefined) waiting?.resolve(message.outcome)
      else waiting?.reject(errorOf(message.error))
    } else {
      this.#problem = message.problem
      this.#format = message.format
    }
  }

  #disconnected(): void {
    this.#stream = undefined
    this.#problem = 'the ledger process is gone; waiting for it to come back'
    const lost = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const waiting of lost) {
      if (waiting.changes === undefined)
        waiting.reject(
          new KmipError('GeneralFailure', 'The ledger process stopped while it was asked. Try again in a moment.', {
            retry: 'another-node',
          }),
        )
      else void this.#settle(waiting.changes, this.#instance).then(waiting.resolve)
    }
    if (!this.#closed) setTimeout(() => this.#connect(), retryEvery).unref()
  }

  /** The nonce of what was written tells whether a commit whose answer was lost took place. */
  async #settle(changes: ChangeSet, proposedTo: string | undefined): Promise<CommitOutcome> {
    const why = await this.#showsOutcome(proposedTo)
    if (why !== undefined) return { outcome: 'unknown', why }
    for (const { place, value } of changes.writes) {
      if (value === undefined) continue
      const nonce = this.replica.nonceOf(place)
      if (nonce !== undefined && Buffer.compare(nonce, changes.nonce) === 0)
        return { outcome: 'committed', revision: this.replica.revisionOf(place) }
      // While the process lives that had the proposal, it may take place yet.
      if (this.#instance === proposedTo) return { outcome: 'unknown', why: 'the connection to the ledger process was lost' }
      // Unchanged since the request relied on it, and never will be by that proposal.
      const guard = changes.guards.find(
        (each) => each.place.kind === place.kind && each.place.id === place.id && each.place.space === place.space,
      )
      if (guard !== undefined && this.replica.revisionOf(place) === guard.revision) return { outcome: 'conflict', place }
    }
    return { outcome: 'unknown', why: 'what it wrote has been written again since' }
  }

  /** Until the replica shows what became of all that was proposed to a process which is gone; else why it does not. The next one may die too. */
  async #showsOutcome(proposedTo: string | undefined): Promise<string | undefined> {
    const deadline = performance.now() + settleWithin
    while (true) {
      await this.#back()
      if (this.#stream === undefined) return 'the ledger process did not come back'
      try {
        if (this.#instance !== proposedTo) await this.#call({ settled: true })
        await this.barrier()
        return undefined
      } catch (error) {
        if (this.#closed || performance.now() > deadline) return (error as Error).message
        await new Promise((resolve) => setTimeout(resolve, retryEvery))
      }
    }
  }
}

function errorOf({ reason, message, retry }: ToldError): KmipError {
  return new KmipError(reason as ResultReason, message, { retry })
}

/** Opens the replica for reading and keeps a connection to the ledger process, made anew when it is lost. */
export function connectLedger(options: RemoteLedgerOptions): RemoteLedger {
  return new RemoteLedger(options)
}
