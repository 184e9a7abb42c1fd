import type { ManagedObject } from '../objects/index.ts'
import type { Revision, Space } from '../store/index.ts'

/** A stored object, parsed once. */
export interface CachedObject {
  /** The revision of its record: a later one is another entry. */
  readonly revision: Revision
  readonly object: ManagedObject
  /** The replica's revision at which the record was last seen to be the newest. */
  seenAt: Revision
  /** The record's bytes and seal, until that was checked. */
  unchecked: { readonly record: Uint8Array; readonly seal: Uint8Array } | undefined
}

/**
 * Parsed objects of this process, by space and identifier. An entry is trusted only as far as its revision is the record's own, so a
 * stale one cannot be hit. Bounded: the entries not used since the younger half filled up are dropped together.
 */
export class ObjectCache {
  readonly #half: number
  #young = new Map<string, CachedObject>()
  #old = new Map<string, CachedObject>()

  /** @param size entries kept at most */
  constructor(size = 10_000) {
    this.#half = Math.ceil(size / 2)
  }

  get(space: Space, id: string): CachedObject | undefined {
    const key = `${space}/${id}`
    const entry = this.#young.get(key)
    if (entry !== undefined) return entry
    const aged = this.#old.get(key)
    if (aged !== undefined) this.#keep(key, aged)
    return aged
  }

  set(space: Space, id: string, entry: CachedObject): void {
    this.#keep(`${space}/${id}`, entry)
  }

  #keep(key: string, entry: CachedObject): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, entry)
  }
}
