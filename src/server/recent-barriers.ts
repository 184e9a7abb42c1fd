import type { Ledger } from '../store/index.ts'

/** For requests of tenants that set `freshness`: a barrier that began a little earlier serves them too. */
export class RecentBarriers {
  readonly #ledger: Pick<Ledger, 'barrier'>
  readonly #elapsed: () => number
  readonly #changed = new Map<string, number>()
  #lastBegan = Number.NEGATIVE_INFINITY

  /** @param elapsed milliseconds of a clock that is never set: with the time of day, a step back would make an old barrier recent */
  constructor(ledger: Pick<Ledger, 'barrier'>, elapsed: () => number = () => performance.now()) {
    this.#ledger = ledger
    this.#elapsed = elapsed
  }

  /**
   * A tenant's requests see at least what they themselves changed through this process.
   * @param freshness milliseconds that the barrier may have begun before now
   */
  async pass(tenant: string, freshness: number): Promise<void> {
    const began = this.#elapsed()
    if (began - this.#lastBegan <= freshness && this.#lastBegan >= (this.#changed.get(tenant) ?? this.#lastBegan)) return
    await this.#ledger.barrier()
    if (began > this.#lastBegan) this.#lastBegan = began
  }

  /** A request of the tenant has just committed. */
  changed(tenant: string): void {
    this.#changed.set(tenant, this.#elapsed())
  }
}
