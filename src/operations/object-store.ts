import { createHash } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, Identifier } from '../../spec/values.ts'
import {
  advance,
  type ManagedObject,
  matches,
  type Search,
  type Storage,
  searchesFor,
  type TermRange,
  uuidOf,
  type WrappedKey,
} from '../objects/index.ts'
import type { KeyReference } from '../partitions/partition.ts'

/** A search of the tenant's objects, as Locate asks for it. */
export interface ObjectQuery {
  readonly attributes: readonly AttributeInstance[]
  /** Whether to find living objects, and whether to find destroyed ones. */
  readonly onLine: boolean
  readonly destroyed: boolean
  readonly offset: number
  readonly limit: number
}

interface Page {
  readonly offset: number
  readonly limit: number
}

export interface ObjectsFound {
  /** The youngest first. */
  readonly ids: readonly string[]
  /** All that match, beyond the page. */
  readonly total: number
}

/** Where an `ObjectStore` finds and puts objects: one request's unit of work, as records. */
export interface ObjectRecords {
  /** The object as it is stored, or as this request has staged it; its record's seal is checked. Never written to by who gets it. */
  read(uniqueIdentifier: string): Promise<ManagedObject | undefined>
  /** The same without the check of the seal: for searches, which tell no more than that the identifier is there. */
  peek(uniqueIdentifier: string): ManagedObject | undefined
  /** The objects in all the ranges, tested by `accept` where the ranges do not decide. */
  find(ranges: readonly TermRange[], page: Page, accept: ((object: ManagedObject) => boolean) | undefined): ObjectsFound
  /** Stages the object: later reads and searches of this request see it. */
  stage(object: ManagedObject): void
  reserveName(name: string, uniqueIdentifier: string): void
  releaseName(name: string): void
}

/**
 * The tenant's Managed Objects as one request sees them. Another tenant's identifier is looked up in this tenant's space alone, and so
 * is a miss like any other. What is opened is the caller's own copy; `save` stages it for the commit of the whole request.
 */
export class ObjectStore {
  readonly #records: ObjectRecords
  readonly #now: number
  #nextOrder: number

  /** `nowMilliseconds`: the request's time, since 1970. */
  constructor(records: ObjectRecords, nowMilliseconds: number) {
    this.#records = records
    this.#now = Math.floor(nowMilliseconds / 1000)
    this.#nextOrder = Math.floor(nowMilliseconds * 1000)
  }

  /**
   * The object, its State brought to the request's time. Destroyed objects are found too: their attributes remain.
   * @throws KmipError ObjectNotFound; InvalidMessage when no identifier came and the ID Placeholder is empty.
   */
  async open(identifier: Identifier | undefined): Promise<ManagedObject> {
    if (typeof identifier !== 'string')
      throw new KmipError('InvalidMessage', 'The request names no object, and no earlier item of its batch left one in the ID Placeholder.')
    const stored = await this.#records.read(identifier)
    if (stored === undefined) throw new KmipError('ObjectNotFound', `There is no object ${identifier}.`)
    const object = stored.copy()
    advance(object, this.#now)
    return object
  }

  /** The object, for an operation on its value. @throws KmipError as `open`, and ObjectDestroyed. */
  async openLiving(identifier: Identifier | undefined): Promise<ManagedObject> {
    const object = await this.open(identifier)
    if (object.isDestroyed) throw new KmipError('ObjectDestroyed', `${object.uniqueIdentifier} is destroyed.`)
    return object
  }

  /** Stages a new object. @throws KmipError NonUniqueNameAttribute. */
  create(object: ManagedObject): void {
    this.#takeNames(object, [])
    this.#records.stage(object.copy({ generation: 1, order: this.#nextOrder++ }))
  }

  /** Stages a changed object. @throws KmipError NonUniqueNameAttribute. */
  async save(object: ManagedObject): Promise<void> {
    const before = await this.#records.read(object.uniqueIdentifier)
    this.#takeNames(object, before === undefined ? [] : namesOf(before))
    this.#records.stage(object.copy({ generation: object.generation + 1 }))
  }

  /** The objects that have all the attributes (KMIP 2.1 §6.1.28), as this request sees them. */
  find(query: ObjectQuery): ObjectsFound {
    const { attributes, offset, limit } = query
    if (!query.onLine && !query.destroyed) return { ids: [], total: 0 }
    const isMatch = (object: ManagedObject) => matches(object, attributes, this.#now)
    const identifier = namedObject(attributes)
    if (identifier !== undefined) {
      const object = this.#records.peek(identifier)
      const found = object !== undefined && isMatch(object) && (object.isDestroyed ? query.destroyed : query.onLine)
      return found ? { ids: offset === 0 && limit > 0 ? [identifier] : [], total: 1 } : { ids: [], total: 0 }
    }
    const storages: Storage[] = []
    if (query.onLine) storages.push('on-line')
    if (query.destroyed) storages.push('destroyed')
    const searches = storages.flatMap((storage) => searchesFor(attributes, storage))
    const run = ({ ranges, decided }: Search, page: Page) => this.#records.find(ranges, page, decided ? undefined : isMatch)
    const [only, ...others] = searches
    if (only !== undefined && others.length === 0) return run(only, { offset, limit })
    return this.#joined(
      searches.map((search) => run(search, { offset: 0, limit: offset + limit })),
      { offset, limit },
    )
  }

  /** The results of several searches as one, in one order. */
  #joined(results: readonly ObjectsFound[], { offset, limit }: Page): ObjectsFound {
    const found = results.filter(({ total }) => total > 0)
    const ids = found.flatMap((result) => result.ids)
    if (found.length > 1) {
      const orders = new Map(ids.map((id) => [id, this.#records.peek(id)?.order ?? 0]))
      ids.sort((a, b) => (orders.get(b) ?? 0) - (orders.get(a) ?? 0))
    }
    return { ids: ids.slice(offset, offset + limit), total: found.reduce((sum, { total }) => sum + total, 0) }
  }

  /** Names are unique in a tenant among living objects (KMIP 2.1 §4.32); a destroyed object gives its names back. */
  #takeNames(object: ManagedObject, before: readonly string[]): void {
    const after = object.isDestroyed ? [] : namesOf(object)
    for (const name of before) if (!after.includes(name)) this.#records.releaseName(name)
    for (const name of after) if (!before.includes(name)) this.#records.reserveName(name, object.uniqueIdentifier)
  }
}

/** @throws KmipError KeyValueNotPresent. */
export function keyReference(object: ManagedObject): KeyReference {
  const { key, uniqueIdentifier } = object
  if (key === undefined) throw new KmipError('KeyValueNotPresent', `${uniqueIdentifier} has no key value here, only attributes.`)
  return { handle: keyHandle(uniqueIdentifier, key), key }
}

/** The key's name in a partition's cache of unwrapped keys: follows from the object and the wrapped bytes, so it changes whenever they do. */
export function keyHandle(uniqueIdentifier: string, key: WrappedKey): string {
  let handle = handles.get(key)
  if (handle === undefined) {
    handle = `${uniqueIdentifier}/${createHash('sha256').update(key.bytes).digest('base64url')}`
    handles.set(key, handle)
  }
  return handle
}

/** The bytes of a key are hashed once, as long as its object is held parsed. */
const handles = new WeakMap<WrappedKey, string>()

/** The one object that a search can find, when it asks by identifier. */
function namedObject(wanted: readonly AttributeInstance[]): string | undefined {
  for (const { name, value } of wanted) {
    if (name === 'UniqueIdentifier') return value
    if (name === 'ShortUniqueIdentifier') return uuidOf(value)
  }
  return undefined
}

function namesOf(object: ManagedObject): string[] {
  return object.isDestroyed ? [] : object.attributes.all('Name').map(({ value }) => `${value.type} ${value.value}`)
}
