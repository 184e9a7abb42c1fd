/**
 * Whether a device answers calls of one sort at once. It follows the quarter of the calls that are answered soonest, not their mean: a process
 * that shares its cores, or a thread that waits for another one's lock, is slow for milliseconds now and then, and that says nothing of the
 * device; but one on a network is never fast.
 */
export class CallPace {
  /** Milliseconds: about a quarter of the calls take less. */
  #quarter: number

  /** @param assumed what counts until the first calls have said otherwise: one that is fast, or three that are slow */
  constructor(assumed: 'fast' | 'slow') {
    this.#quarter = assumed === 'fast' ? limit / slower ** 2.5 : limit * slower
  }

  /** Notes that a call took so many milliseconds. */
  took(milliseconds: number): void {
    const moved = milliseconds > this.#quarter ? this.#quarter * slower : this.#quarter / faster
    this.#quarter = Math.min(Math.max(moved, least), most)
  }

  get isFast(): boolean {
    return this.#quarter < limit
  }
}

/** In milliseconds. The way through a thread costs about 50 microseconds. */
const limit = 0.25
/** Bounds that keep the way back short. */
const least = 0.1
const most = 0.6
/** Three slow calls and a fast one leave the quarter where it is. */
const slower = 1.1
const faster = slower ** 3

/** The paces of a token's calls, by what they do. */
export class CallPaces {
  readonly #known = new Map<string, CallPace>()

  of(name: string, assumed: 'fast' | 'slow'): CallPace {
    let pace = this.#known.get(name)
    if (pace === undefined) {
      pace = new CallPace(assumed)
      this.#known.set(name, pace)
    }
    return pace
  }
}
