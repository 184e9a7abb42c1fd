import { KmipError } from '../../spec/kmip-error.ts'

/** Asks the ledger process for a barrier that it must answer, or refuse, within so many milliseconds. */
export type AskBarrier = (patience: number) => Promise<void>

/**
 * A worker's barriers. One call is under way at a time, and who comes meanwhile shares the next: the one under way may have read the
 * ledger before they came. A call that takes long is not waited for; so each request is answered within its own time.
 */
export class BarrierCalls {
  readonly #ask: AskBarrier
  #underWay: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** A call was not answered in time, and none since. */
  #isSilent = false

  constructor(ask: AskBarrier) {
    this.#ask = ask
  }

  /**
   * @param patience milliseconds to wait at most
   * @throws KmipError GeneralFailure, for another node to be tried
   */
  pass(patience: number = barrierMilliseconds): Promise<void> {
    if (patience !== barrierMilliseconds || this.#underWay === undefined) return this.#begin(patience)
    this.#next ??= this.#afterTheOther(this.#underWay)
    return this.#next
  }

  async #afterTheOther(other: Promise<void>): Promise<void> {
    const came = performance.now()
    await settledWithin(other, overlapMilliseconds)
    this.#next = undefined
    return this.#begin(barrierMilliseconds - (performance.now() - came))
  }

  #begin(patience: number): Promise<void> {
    const most = this.#isSilent ? Math.min(patience, promptMilliseconds) : patience
    const call = this.#bounded(most).finally(() => {
      if (this.#underWay === call) this.#underWay = undefined
    })
    this.#underWay = call
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
/** How long the call under way is waited for before the next is sent beside it. */
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
