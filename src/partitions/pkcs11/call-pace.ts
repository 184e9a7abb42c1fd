/**
 * How long a device takes for a short call, as the median of the calls made lately. Not their mean: a process that shares its cores waits
 * for milliseconds now and then, in whichever call it happens to be, and that says nothing of the device.
 */
export class CallPace {
  /** Milliseconds. */
  #median = start

  /** Notes that a call took so many milliseconds. */
  took(milliseconds: number): void {
    const moved = milliseconds > this.#median ? this.#median * step : this.#median / step
    this.#median = Math.min(Math.max(moved, least), most)
  }

  /** Whether half of the calls at least are answered within so many milliseconds. */
  within(milliseconds: number): boolean {
    return this.#median < milliseconds
  }
}

/** A call moves the median by this factor: it goes where as many calls are above as below. */
const step = 1.25
/** In milliseconds: a library's usual pace, and bounds that keep the way back short. */
const start = 0.05
const least = 0.02
const most = 2
