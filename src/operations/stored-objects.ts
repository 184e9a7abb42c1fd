import { KmipError } from '../../spec/kmip-error.ts'
import { indexTerms, type ManagedObject, type Term, type TermRange } from '../objects/index.ts'
import type { Partition } from '../partitions/partition.ts'
import { joinSeal, type Replica, type Space, type Stored, splitSeal, type UnitOfWork } from '../store/index.ts'
import type { ObjectCache } from './object-cache.ts'
import { decodeObject, encodeObject } from './object-codec.ts'
import type { ObjectRecords, ObjectsFound } from './object-store.ts'

export interface StoredObjectsOptions {
  readonly unit: UnitOfWork
  readonly replica: Replica
  readonly space: Space
  /** The name that stands in the tenant's records: a record that was moved to another tenant is found out by it. */
  readonly tenant: string
  readonly partition: Pick<Partition, 'sealRecord' | 'checkRecord'>
  readonly cache: ObjectCache
}

interface Staging {
  readonly object: ManagedObject
  readonly terms: readonly Term[]
}

/**
 * The tenant's objects as records of one request's unit of work. A record's seal is checked when its revision is first read in this
 * process; what is staged is sealed by {@link StoredObjects.seal}, once, before the commit. Savepoints are those of the unit.
 */
export class StoredObjects implements ObjectRecords {
  readonly #options: StoredObjectsOptions
  /** The identifiers of what this request has staged, whether or not it still is. */
  readonly #touched = new Set<string>()
  /** By the bytes of a staged record: what they are of. A rollback brings back bytes that are in here. */
  readonly #stagings = new WeakMap<Uint8Array, Staging>()

  constructor(options: StoredObjectsOptions) {
    this.#options = options
  }

  async read(id: string): Promise<ManagedObject | undefined> {
    const { unit, cache, space, replica, partition } = this.#options
    if (unit.hasStaged('object', id)) return this.#staged(id)
    const cached = cache.get(space, id)
    if (cached !== undefined && cached.seenAt === replica.revision()) {
      unit.rely('object', id, cached.revision)
      return cached.object
    }
    const stored = unit.read('object', id)
    if (stored === undefined) return undefined
    if (cached?.revision === stored.revision) {
      cached.seenAt = replica.revision()
      return cached.object
    }
    const seenAt = replica.revision()
    // The engine may reuse the bytes once this turn of the loop is over.
    const value = Buffer.from(stored.value)
    const object = this.#decode(id, value)
    const { record, seal } = splitSeal(value)
    if (!(await partition.checkRecord(record, seal))) throw damaged(id, 'its seal is not this partition’s over these bytes')
    cache.set(space, id, { object, revision: stored.revision, seenAt }, value.length)
    return object
  }

  peek(id: string): ManagedObject | undefined {
    const { unit } = this.#options
    if (unit.hasStaged('object', id)) return this.#staged(id)
    const stored = unit.read('object', id)
    return stored === undefined ? undefined : this.#parsed(id, stored)
  }

  find(
    ranges: readonly TermRange[],
    page: { readonly offset: number; readonly limit: number },
    accept: ((object: ManagedObject) => boolean) | undefined,
  ): ObjectsFound {
    const { unit } = this.#options
    if (accept === undefined) return unit.find(ranges, page)
    return unit.find(ranges, page, (stored, id) => {
      const object = unit.hasStaged('object', id) ? this.#staged(id) : this.#parsed(id, stored)
      return object !== undefined && accept(object)
    })
  }

  stage(object: ManagedObject): void {
    const { unit, tenant } = this.#options
    const { uniqueIdentifier: id, order } = object
    const record = encodeObject(tenant, object)
    const terms = indexTerms(object)
    this.#touched.add(id)
    this.#stagings.set(record, { object, terms })
    unit.put('object', id, record, { terms, order })
  }

  reserveName(name: string, id: string): void {
    this.#options.unit.reserveUnique(name, id)
  }

  releaseName(name: string): void {
    this.#options.unit.releaseUnique(name)
  }

  /** Seals every object that is still staged. Afterwards the unit is ready to be committed, and nothing more may be read or staged. */
  async seal(): Promise<void> {
    const { unit, partition } = this.#options
    const staged = [...this.#touched].filter((id) => unit.hasStaged('object', id))
    this.#touched.clear()
    await Promise.all(
      staged.map(async (id) => {
        const record = unit.read('object', id)?.value
        const staging = record === undefined ? undefined : this.#stagings.get(record)
        if (record === undefined || staging === undefined) return
        const sealed = joinSeal(record, await partition.sealRecord(record))
        unit.put('object', id, sealed, { terms: staging.terms, order: staging.object.order })
      }),
    )
  }

  /** What this request has staged lies unsealed in its unit. */
  #staged(id: string): ManagedObject | undefined {
    const record = this.#options.unit.read('object', id)?.value
    return record === undefined ? undefined : this.#stagings.get(record)?.object
  }

  #parsed(id: string, stored: Stored): ManagedObject {
    const { cache, space } = this.#options
    const cached = cache.get(space, id)
    return cached?.revision === stored.revision ? cached.object : this.#decode(id, stored.value)
  }

  #decode(id: string, value: Uint8Array): ManagedObject {
    try {
      return decodeObject(this.#options.tenant, id, splitSeal(value).record)
    } catch (error) {
      throw damaged(id, error instanceof Error ? error.message : String(error))
    }
  }
}

function damaged(id: string, why: string): KmipError {
  return new KmipError('GeneralFailure', `The stored record of ${id} is damaged or was altered (${why}). Restore it from a backup.`)
}
