import type { ManagedObject } from '../objects/index.ts'
import { Lru } from '../partitions/lru.ts'
import type { Revision, Space } from '../store/index.ts'

/** An object as it was read and found genuine. */
export interface CachedObject {
  /** Never written to: who changes it takes a copy. */
  readonly object: ManagedObject
  /** The revision of its record. */
  readonly revision: Revision
  /** The revision of the whole replica at which its record was last seen to have that revision. */
  seenAt: Revision
}

export interface ObjectCacheLimits {
  readonly count: number
  /** Bytes of the records; a parsed object takes some four times as much. */
  readonly bytes: number
}

const defaultLimits: ObjectCacheLimits = { count: 20_000, bytes: 32 * 1024 * 1024 }

/**
 * The objects that a process used last, parsed and checked, so that a hot key costs no parsing. One cache serves all requests and tenants
 * of a process; it is asked with the revision that the replica has, so what it gives is never stale.
 */
export class ObjectCache {
  readonly #entries: Lru<CachedObject>

  constructor(limits: ObjectCacheLimits = defaultLimits) {
    this.#entries = new Lru(limits)
  }

  get(space: Space, id: string): CachedObject | undefined {
    return this.#entries.get(keyOf(space, id))
  }

  /** `size`: bytes of the record. */
  set(space: Space, id: string, entry: CachedObject, size: number): void {
    this.#entries.set(keyOf(space, id), entry, size)
  }
}

/** A space has no blank in it. */
function keyOf(space: Space, id: string): string {
  return `${space} ${id}`
}
