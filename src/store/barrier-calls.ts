import { setTimeout as sleep } from 'node:timers/promises'
import { KmipError } from '../../spec/kmip-error.ts'

/** Milliseconds, by which calls are spaced. */
export interface Stopwatch {
  now(): number
  sleep(milliseconds: number): Promise<unknown>
}

/** Asks the ledger process for a barrier that it must answer, or refuse, within so many milliseconds. */
export type AskBarrier = (patience: number) => Promise<void>

/**
 * A worker's barriers. Few calls are under way at a time, and who comes meanwhile shares the next: those under way may have read the
 * ledger before they came. A call that takes long is not waited for; so each request is answered within its own time.
 *
 * A call that many share gives this process work for a while; the next one is begun when that may be done. An earlier one would bring nothing
 * sooner, and costs every node of the cluster.
 */
export class BarrierCalls {
  readonly #ask: AskBarrier
  readonly #stopwatch: Stopwatch
  readonly #underWay = new Set<Promise<void>>()
  #next: Promise<void> | undefined
  /** How many share the next call. */
  #sharing = 0
  /** When the requests of the last call may have been worked off. */
  #workedOff = Number.NEGATIVE_INFINITY
  /** A call was not answered in time, and none since. */
  #isSilent = false

  constructor(ask: AskBarrier, stopwatch: Stopwatch = { now: () => performance.now(), sleep }) {
    this.#ask = ask
    this.#stopwatch = stopwatch
  }

  /**
   * @param patience milliseconds to wait at most
   * @throws KmipError GeneralFailure, for another node to be tried
   */
  pass(patience: number = barrierMilliseconds): Promise<void> {
    if (patience !== barrierMilliseconds) return this.#begin(patience)
    this.#sharing++
    this.#next ??= this.#startNext()
    return this.#next
  }

  async #startNext(): Promise<void> {
    const { now, sleep } = this.#stopwatch
    const came = now()
    // Who comes in the same turn of the loop shares the call.
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#underWay.size >= callsUnderWay) await settledWithin(Promise.race(this.#underWay), overlapMilliseconds)
    const early = Math.round(this.#workedOff - now())
    if (early > 0) await sleep(early)
    this.#workedOff = now() + Math.min(this.#sharing * workMilliseconds, mostWorkMilliseconds)
    this.#sharing = 0
    this.#next = undefined
    return this.#begin(barrierMilliseconds - (now() - came))
  }

  #begin(patience: number): Promise<void> {
    const most = this.#isSilent ? Math.min(patience, promptMilliseconds) : patience
    const call = this.#bounded(most).finally(() => this.#underWay.delete(call))
    this.#underWay.add(call)
    return call
  }

  /** The ledger process knows best why it cannot answer, and so is given a little less time. */
  #bounded(patience: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#isSilent = true
        reject(
          new KmipError('GeneralFailure', 'This node cannot serve now: its ledger process does not answer.', { retry: 'another-node' }),
        )
      }, patience)
      const answered = () => {
        this.#isSilent = false
        clearTimeout(timer)
      }
      this.#ask(Math.max(patience - marginMilliseconds, 1)).then(
        () => {
          answered()
          resolve()
        },
        (error: unknown) => {
          answered()
          reject(error)
        },
      )
    })
  }
}

/** The most that a request waits for its barrier, as long as an election in a cluster and more. */
const barrierMilliseconds = 3000
const callsUnderWay = 2
/** What one request takes of the process, about. */
const workMilliseconds = 0.05
const mostWorkMilliseconds = 3
/** How long a call under way is waited for before the next is sent beside it all the same. */
const overlapMilliseconds = 50
/** How long a request waits where others have waited in vain. */
const promptMilliseconds = 250
const marginMilliseconds = 20

function settledWithin(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    const settled = () => {
      clearTimeout(timer)
      resolve()
    }
    promise.then(settled, settled)
  })
}
