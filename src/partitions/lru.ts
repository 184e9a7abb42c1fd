/** How much a partition keeps unwrapped at a time. Both bounds hold; the least recently used goes first. */
export interface CacheLimits {
  readonly count: number
  /** Bytes, as the caller of `set` reckons them. */
  readonly bytes: number
}

interface Entry<V> {
  readonly value: V
  readonly size: number
}

/** A bounded map that drops what was used longest ago. */
export class Lru<V> {
  readonly #entries = new Map<string, Entry<V>>()
  readonly #limits: CacheLimits
  readonly #dropped: (value: V) => void
  #bytes = 0

  /** `dropped` is told of every value that leaves, for whatever reason. */
  constructor(limits: CacheLimits, dropped: (value: V) => void = () => {}) {
    this.#limits = limits
    this.#dropped = dropped
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    // A Map iterates in order of insertion: to insert again is to be the youngest.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: V, size: number): void {
    this.delete(key)
    this.#entries.set(key, { value, size })
    this.#bytes += size
    while (this.#entries.size > this.#limits.count || this.#bytes > this.#limits.bytes) {
      const [oldest] = this.#entries.keys()
      if (oldest === undefined) return
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.size
    this.#dropped(entry.value)
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key)
  }
}
