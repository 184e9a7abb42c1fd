import type { Database } from './database.ts'
import { counterKey, everyObject, headKey, indexKey, valueKey } from './keys.ts'
import type { IndexTerm, Place, Revision, Space, Write } from './ledger.ts'
import { decodeEntry, encodeCount, encodeEntry, revisionOf } from './stored-entry.ts'

/** Applies change sets to values, index and counters within one write transaction of the database; `finish` it there. */
export class Application {
  readonly #database: Database
  /** A counter that many change sets of a group move is written once. */
  readonly #counts = new Map<string, { readonly key: Buffer; by: number }>()

  constructor(database: Database) {
    this.#database = database
  }

  /** As of all that was applied so far; 0 when it is not there. */
  revisionOf(place: Place): Revision {
    const entry = this.#database.getBinaryFast(valueKey(place))
    return entry === undefined ? 0 : revisionOf(entry)
  }

  write(write: Write, revision: Revision, nonce: Uint8Array | undefined): void {
    const { place } = write
    const key = valueKey(place)
    const isObject = place.kind === 'object'
    const before = this.#database.getBinary(key)
    if (before !== undefined && isObject) this.#removeTerms(place, before)
    if (write.value === undefined) {
      this.#database.removeSync(key)
      return
    }
    const entry = entryOf(write, revision, nonce)
    if (isObject) this.#addTerms(place, entry)
    this.#database.putSync(key, encodeEntry(entry))
  }

  /** Makes a place exactly what an entry says, where it is not that already. */
  copy(write: Write, revision: Revision, nonce: Uint8Array | undefined): void {
    const stored = this.#database.getBinaryFast(valueKey(write.place))
    if (stored === undefined || !encodeEntry(entryOf(write, revision, nonce)).equals(stored)) this.write(write, revision, nonce)
  }

  /** Writes the counters, and the revision that the database has now reached. */
  finish(head: Revision): void {
    for (const { key, by } of this.#counts.values()) {
      if (by === 0) continue
      const now = readCount(this.#database.getBinaryFast(key)) + by
      if (now > 0) this.#database.putSync(key, encodeCount(now))
      else this.#database.removeSync(key)
    }
    this.#database.putSync(headKey, encodeCount(head))
  }

  #removeTerms({ space, id }: Place, before: Uint8Array): void {
    const { revision, order, terms } = decodeEntry(before)
    for (const term of [everyObject, ...terms]) {
      this.#database.removeSync(indexKey(space, term, order, revision, id))
      this.#count(space, term, -1)
    }
  }

  #addTerms({ space, id }: Place, entry: { revision: Revision; order: number; terms: readonly IndexTerm[] }): void {
    for (const term of [everyObject, ...entry.terms]) {
      this.#database.putSync(indexKey(space, term, entry.order, entry.revision, id), nothing)
      this.#count(space, term, 1)
    }
  }

  #count(space: Space, term: IndexTerm, by: 1 | -1): void {
    const key = counterKey(space, term)
    const name = key.toString('latin1')
    const counted = this.#counts.get(name)
    if (counted === undefined) this.#counts.set(name, { key, by })
    else counted.by += by
  }
}

/** What the replica keeps of a write that is no removal. */
export function entryOf({ place, value, terms, order }: Write, revision: Revision, nonce: Uint8Array | undefined) {
  const isObject = place.kind === 'object'
  return { revision, nonce, order: order ?? 0, terms: isObject ? distinct(terms ?? []) : [], value: value ?? nothing }
}

/** Reads what `finish` wrote: a counter, or the head. */
export function readCount(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : bytes.readDoubleBE(0)
}

function distinct(terms: readonly IndexTerm[]): IndexTerm[] {
  const seen = new Map(terms.map((term) => [`${term.attribute}\0${Buffer.from(term.value).toString('latin1')}`, term]))
  return [...seen.values()]
}

const nothing = Buffer.alloc(0)
