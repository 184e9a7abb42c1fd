import { KmipError } from '../../spec/kmip-error.ts'
import { indexTerms, type ManagedObject, type TermRange } from '../objects/index.ts'
import { decodeObject, encodeObject } from '../operations/object-codec.ts'
import type { ObjectRecords, ObjectsFound } from '../operations/object-store.ts'
import type { Partition } from '../partitions/index.ts'
import { type ChangeSet, type Guard, joinSeal, type LocalReplica, type Space, splitSeal, UnitOfWork } from '../store/index.ts'
import type { Wrapping } from '../tenants/index.ts'
import { type AnswersKept, KeptAnswers } from './kept-answers.ts'
import type { CachedObject, ObjectCache } from './object-cache.ts'
import { RequestJobs, type RequestJobsParts } from './request-jobs.ts'
import { RequestTickets, type RequestTicketsParts } from './request-tickets.ts'
import { ResidentChanges } from './resident-changes.ts'

export interface RecordsParts {
  readonly tenant: string
  readonly space: Space
  /** Goes with every commit: the tenant was not removed meanwhile. */
  readonly guard: Guard
  /** Its guard goes with every commit that stores a key wrapped anew. */
  readonly wrapping: Wrapping
  readonly partition: Partition
  readonly replica: LocalReplica
  readonly cache: ObjectCache
  /** Of records that are written: `formatOf` the ledger. */
  readonly format: number
}

/** One request's objects: the store's unit of work joined with the partition that seals its records. */
export class Records implements ObjectRecords {
  readonly #parts: RecordsParts
  readonly #unit: UnitOfWork
  /** In the order staged, so that a savepoint can cut it. Empty for most requests. */
  #log: { readonly object: ManagedObject; readonly mark: number }[] = []
  #staged: Map<string, ManagedObject> | undefined
  #jobs: RequestJobs | undefined
  #residents: ResidentChanges | undefined

  constructor(parts: RecordsParts) {
    this.#parts = parts
    this.#unit = new UnitOfWork(parts.replica, parts.space)
  }

  /** What was made under Idempotency Keys; staged in the same unit. */
  keptAt(milliseconds: number): AnswersKept {
    return new KeptAnswers({ ...this.#parts, unit: this.#unit, now: milliseconds })
  }

  /** The tickets of who makes the request; staged in the same unit. */
  tickets(of: Omit<RequestTicketsParts, keyof RecordsParts | 'unit'>): RequestTickets {
    return new RequestTickets({ ...this.#parts, ...of, unit: this.#unit })
  }

  /** The requests that are answered later; staged in the same unit. */
  jobs(of: Omit<RequestJobsParts, keyof RecordsParts | 'unit'>): RequestJobs {
    this.#jobs = new RequestJobs({ ...this.#parts, ...of, unit: this.#unit })
    return this.#jobs
  }

  async read(uniqueIdentifier: string): Promise<ManagedObject | undefined> {
    const staged = this.#staged?.get(uniqueIdentifier)
    if (staged !== undefined) return staged
    const entry = this.#stored(uniqueIdentifier)
    if (entry?.unchecked !== undefined) await this.#check(uniqueIdentifier, entry)
    return entry?.object
  }

  peek(uniqueIdentifier: string): ManagedObject | undefined {
    return this.#staged?.get(uniqueIdentifier) ?? this.#stored(uniqueIdentifier)?.object
  }

  find(
    ranges: readonly TermRange[],
    page: { readonly offset: number; readonly limit: number },
    accept: ((object: ManagedObject) => boolean) | undefined,
  ): ObjectsFound {
    const test = (id: string) => {
      const object = this.#candidate(id)
      return object !== undefined && (accept === undefined || accept(object))
    }
    return this.#unit.find(ranges, page, accept === undefined ? undefined : (_stored, id) => test(id))
  }

  stage(object: ManagedObject): void {
    // Sealed when all items are done; until then the unit knows where it is found.
    this.#log.push({ object, mark: this.#unit.savepoint() })
    this.#staged ??= new Map()
    this.#staged.set(object.uniqueIdentifier, object)
    this.#unit.put('object', object.uniqueIdentifier, unsealed, { terms: indexTerms(object), order: object.order })
  }

  reserveName(name: string, uniqueIdentifier: string): void {
    this.#unit.reserveUnique(name, uniqueIdentifier)
  }

  releaseName(name: string): void {
    this.#unit.releaseUnique(name)
  }

  savepoint(): number {
    return this.#unit.savepoint()
  }

  rollback(savepoint: number): void {
    this.#unit.rollback(savepoint)
    if (this.#log.length === 0) return
    this.#log = this.#log.filter(({ mark }) => mark < savepoint)
    this.#staged = new Map(this.#log.map(({ object }) => [object.uniqueIdentifier, object]))
  }

  /** What was proposed is stored, or never will be: keys that stay in their device go there as their records did. */
  settled(outcome: 'committed' | 'conflict'): Promise<void> | undefined {
    return this.#residents?.settled(outcome)
  }

  /** Everything staged, sealed, as one proposal; undefined when nothing was. */
  changes(): Promise<ChangeSet | undefined> | undefined {
    return this.#unit.isEmpty ? undefined : this.#sealed(this.#staged ?? nothing)
  }

  async #sealed(staged: ReadonlyMap<string, ManagedObject>): Promise<ChangeSet | undefined> {
    const { tenant, partition, guard, wrapping, format } = this.#parts
    let hasNewKey = false
    const residents = new ResidentChanges(partition)
    this.#residents = residents
    for (const [id, object] of staged) {
      residents.note(this.#lookUp(id)?.object.key, object.key)
      if (this.#isWrappedAnew(object)) {
        checkEpoch(object.uniqueIdentifier, object.key?.epoch, wrapping.epoch)
        hasNewKey = true
      }
      const record = encodeObject(tenant, object, format)
      const seal = await partition.sealRecord(record)
      this.#unit.put('object', id, joinSeal(record, seal), { terms: indexTerms(object), order: object.order })
    }
    for (const epoch of this.#jobs?.epochs ?? []) {
      checkEpoch('What is answered later', epoch, wrapping.epoch)
      hasNewKey = true
    }
    const changes = this.#unit.changes()
    if (changes === undefined) return undefined
    const guards = [...changes.guards, guard, ...(hasNewKey ? [wrapping.guard] : []), ...residents.guards()]
    const more = this.#jobs?.writes() ?? []
    return { ...changes, guards, writes: more.length === 0 ? changes.writes : [...changes.writes, ...more] }
  }

  /** Whether the object's key is another than the stored object has. */
  #isWrappedAnew({ uniqueIdentifier, key }: ManagedObject): boolean {
    if (key === undefined) return false
    const stored = this.#lookUp(uniqueIdentifier)?.object.key
    return stored === undefined || (stored !== key && !Buffer.from(stored.bytes).equals(key.bytes))
  }

  /** The stored object: from the cache when the record's revision is the entry's. */
  #stored(id: string): CachedObject | undefined {
    const entry = this.#lookUp(id)
    this.#unit.rely('object', id, entry?.revision ?? 0)
    return entry
  }

  /** What a search looks at is not relied on: it found what it found. */
  #candidate(id: string): ManagedObject | undefined {
    return this.#staged?.get(id) ?? this.#lookUp(id)?.object
  }

  #lookUp(id: string): CachedObject | undefined {
    const { replica, space, cache, tenant } = this.#parts
    const now = replica.revision()
    const known = cache.get(space, id)
    if (known?.seenAt === now) return known
    const place = { space, kind: 'object', id } as const
    if (known !== undefined && replica.revisionOf(place) === known.revision) {
      known.seenAt = now
      return known
    }
    const stored = replica.read(place)
    if (stored === undefined) return undefined
    const { record, seal } = splitSeal(Buffer.from(stored.value))
    const entry: CachedObject = {
      revision: stored.revision,
      object: decoded(tenant, space, id, record),
      seenAt: now,
      unchecked: { record, seal },
    }
    cache.set(space, id, entry)
    return entry
  }

  /** @throws Error when the record is not one that the tenant's partition sealed: it was edited, swapped or renamed. */
  async #check(id: string, entry: CachedObject): Promise<void> {
    const { partition, space } = this.#parts
    const { unchecked } = entry
    if (unchecked === undefined) return
    if (!(await partition.checkRecord(unchecked.record, unchecked.seal))) {
      throw new Error(`the stored record of ${id} in ${space} does not bear its partition's seal`)
    }
    entry.unchecked = undefined
  }
}

/** @throws Error naming the record: bytes that cannot be read were not written by Tresor. */
function decoded(tenant: string, space: Space, id: string, record: Uint8Array): ManagedObject {
  try {
    return decodeObject(tenant, id, record)
  } catch (error) {
    throw new Error(`the stored record of ${id} in ${space} is damaged: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * A partition may have learnt of its new epoch before this request's view of the settings, or after it.
 * @throws KmipError that has the request run again
 */
function checkEpoch(what: string, wrapped: number | undefined, epoch: number | undefined): void {
  if (epoch === undefined || wrapped === epoch) return
  const message = `${what} was wrapped under epoch ${wrapped} of its partition, which is at epoch ${epoch}. Nothing was changed; send the request again.`
  throw new KmipError('GeneralFailure', message, { retry: 'newer-view' })
}

const unsealed = new Uint8Array(0)
const nothing: ReadonlyMap<string, ManagedObject> = new Map()
