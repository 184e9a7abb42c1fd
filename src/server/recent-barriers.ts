import type { Ledger } from '../store/index.ts'

/** For requests of tenants that set `freshness`: a barrier that began a little earlier serves them too. */
export class RecentBarriers {
  readonly #ledger: Pick<Ledger, 'barrier'>
  readonly #elapsed: () => number
  #lastBegan = Number.NEGATIVE_INFINITY

  /** @param elapsed milliseconds of a clock that is never set: with the time of day, a step back would make an old barrier recent */
  constructor(ledger: Pick<Ledger, 'barrier'>, elapsed: () => number = () => performance.now()) {
    this.#ledger = ledger
    this.#elapsed = elapsed
  }

  /** @param freshness milliseconds that the barrier may have begun before now */
  async pass(freshness: number): Promise<void> {
    const began = this.#elapsed()
    if (began - this.#lastBegan <= freshness) return
    await this.#ledger.barrier()
    if (began > this.#lastBegan) this.#lastBegan = began
  }
}
