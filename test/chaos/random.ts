/** Numbers from a seed (mulberry32): the same choice of faults each time. Not for secrets. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 to 1, without 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  between(least: number, most: number): number {
    return least + this.fraction() * (most - least)
  }

  of<T>(all: readonly T[]): T {
    return all[Math.floor(this.fraction() * all.length)] as T
  }

  shuffled<T>(all: readonly T[]): T[] {
    const rest = [...all]
    return all.map(() => rest.splice(Math.floor(this.fraction() * rest.length), 1)[0] as T)
  }
}
