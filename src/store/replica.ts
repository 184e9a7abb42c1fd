import { readCount } from './apply-writes.ts'
import type { Database } from './database.ts'
import { type Accept, type IndexEntry, type Page, search } from './find.ts'
import { afterPrefix, headKey, idOfValueKey, kindPrefix, valueKey } from './keys.ts'
import type { Found, IndexTerm, Place, Replica, Revision, Space, Stored, TermMatch } from './ledger.ts'
import { decodeEntry, nonceOf, revisionOf, valueIn } from './stored-entry.ts'

/** An object as the replica keeps it. */
export interface StoredObject {
  readonly id: string
  readonly stored: Stored
  readonly order: number
  readonly terms: readonly IndexTerm[]
}

/** The view of one process. `renew` moves it to the newest commit; it may move on by itself between two turns of the loop, never back. */
export class LocalReplica implements Replica {
  readonly #database: Database
  #revision: Revision = 0

  constructor(database: Database) {
    this.#database = database
    this.renew()
  }

  /** Shows everything that is committed now, by whichever process. Costs about 2 microseconds. */
  renew(): void {
    this.#database.resetReadTxn()
    this.#revision = readCount(this.#database.getBinaryFast(headKey))
  }

  revision(): Revision {
    return this.#revision
  }

  read(place: Place): Stored | undefined {
    const entry = this.#database.getBinary(valueKey(place))
    return entry === undefined ? undefined : { value: valueIn(entry), revision: revisionOf(entry) }
  }

  /** The revision of a place alone: cheaper than `read`. */
  revisionOf(place: Place): Revision {
    const entry = this.#database.getBinaryFast(valueKey(place))
    return entry === undefined ? 0 : revisionOf(entry)
  }

  /** The nonce of the commit that last wrote the place. */
  nonceOf(place: Place): Uint8Array | undefined {
    const entry = this.#database.getBinary(valueKey(place))
    return entry === undefined ? undefined : nonceOf(entry)
  }

  find(space: Space, matches: readonly TermMatch[], page: Page, accept?: Accept): Found {
    const { entries, total } = search(this.#database, space, matches, page, accept)
    return { ids: entries.map(({ id }) => id), total }
  }

  /** As `find`, with where each stands. */
  search(
    space: Space,
    matches: readonly TermMatch[],
    page: Page,
    accept?: Accept,
  ): { readonly entries: readonly IndexEntry[]; readonly total: number } {
    return search(this.#database, space, matches, page, accept)
  }

  /** Objects of a space in the order of their identifiers, those behind `after` first: with all that a write of them must say again. */
  objectsAfter(space: Space, after: string, limit: number): readonly StoredObject[] {
    const prefix = kindPrefix(space, 'object')
    const start = after === '' ? prefix : Buffer.concat([valueKey({ space, kind: 'object', id: after }), Buffer.of(0)])
    const found: StoredObject[] = []
    for (const { key, value } of this.#database.getRange({ start, end: afterPrefix(prefix), limit })) {
      found.push(objectOf(idOfValueKey(key, prefix.length), value))
    }
    return found
  }

  objectAt(space: Space, id: string): StoredObject | undefined {
    const entry = this.#database.getBinary(valueKey({ space, kind: 'object', id }))
    return entry === undefined ? undefined : objectOf(id, entry)
  }

  /** How many places of a kind begin so, counted up to a limit: their values are not looked at. */
  count(space: Space, kind: Place['kind'], beginning: string, limit: number): number {
    const start = valueKey({ space, kind, id: beginning })
    return this.#database.getKeysCount({ start, end: afterPrefix(start), limit })
  }

  *list(space: Space, kind: Place['kind'], beginning = ''): Iterable<{ readonly id: string; readonly stored: Stored }> {
    const prefix = kindPrefix(space, kind)
    const start = valueKey({ space, kind, id: beginning })
    for (const { key, value } of this.#database.getRange({ start, end: afterPrefix(start) })) {
      yield { id: idOfValueKey(key, prefix.length), stored: { value: Buffer.from(valueIn(value)), revision: revisionOf(value) } }
    }
  }
}

/** The entry is copied: the database may use its memory again. */
function objectOf(id: string, entry: Uint8Array): StoredObject {
  const { revision, order, terms, value } = decodeEntry(Buffer.from(entry))
  return { id, stored: { value, revision }, order, terms }
}
