import { readCount } from './apply-writes.ts'
import type { Database } from './database.ts'
import { type Accept, type IndexEntry, type Page, search } from './find.ts'
import { afterPrefix, headKey, idOfValueKey, kindPrefix, valueKey } from './keys.ts'
import type { Found, Place, Replica, Revision, Space, Stored, TermMatch } from './ledger.ts'
import { nonceOf, revisionOf, valueIn } from './stored-entry.ts'

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
