import { open, type RootDatabase } from 'lmdb'
import { KmipError } from '../../spec/kmip-error.ts'
import { findInIndex } from './find.ts'
import { afterPrefix, counterKey, headKey, idOfValueKey, indexKey, kindPrefix, valueKey } from './keys.ts'
import type { Found, IndexTerm, Place, Replica, Revision, Space, Stored, TermMatch, Write } from './ledger.ts'
import { decodeEntry, encodeEntry, nonceOf, revisionOf, valueIn } from './stored-entry.ts'

export type Database = RootDatabase<Buffer, Buffer>

/** The term that every object has: counts and lists all of a space. */
export const everyObject: IndexTerm = { attribute: '*', value: new Uint8Array(0) }

/** Addresses that the memory map may reach; space on disk is taken only as it is used. */
const mapSize = 1024 ** 4

/**
 * Opens the replica's file. One process of a node writes it, the others read.
 * `overlappingSync: false`: a commit's promise means that the disk has it.
 */
export function openDatabase(path: string, isReader: boolean): Database {
  return open<Buffer, Buffer>({
    path,
    mapSize,
    maxReaders: 1024,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    readOnly: isReader,
  })
}

/** The view of one process. `renew` moves it to the newest commit. */
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
    const head = this.#database.getBinaryFast(headKey as Buffer)
    this.#revision = head === undefined ? 0 : head.readDoubleBE(0)
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

  find(
    space: Space,
    matches: readonly TermMatch[],
    page: { readonly offset: number; readonly limit: number },
    accept?: (stored: Stored, id: string) => boolean,
  ): Found {
    return findInIndex(this.#database, space, matches, page, accept)
  }

  *list(space: Space, kind: Place['kind']): Iterable<{ readonly id: string; readonly stored: Stored }> {
    const prefix = kindPrefix(space, kind)
    for (const { key, value } of this.#database.getRange({ start: prefix, end: afterPrefix(prefix) })) {
      yield { id: idOfValueKey(key, prefix.length), stored: { value: Buffer.from(valueIn(value)), revision: revisionOf(value) } }
    }
  }
}

/** Applies one change to values, index and counters. Only inside a write transaction. */
export function applyWrite(
  database: Database,
  { place, value, terms, order }: Write,
  revision: Revision,
  nonce: Uint8Array | undefined,
): void {
  const key = valueKey(place)
  const before = database.getBinary(key)
  if (before !== undefined && place.kind === 'object') removeTerms(database, place, before)
  if (value === undefined) {
    database.removeSync(key)
    return
  }
  const entry = { revision, nonce, order: order ?? 0, terms: distinct(terms ?? []), value }
  if (place.kind === 'object') addTerms(database, place, entry)
  database.putSync(key, encodeEntry(entry))
}

export function writeHead(database: Database, revision: Revision): void {
  const head = Buffer.allocUnsafe(8)
  head.writeDoubleBE(revision)
  database.putSync(headKey as Buffer, head)
}

function removeTerms(database: Database, { space, id }: Place, before: Uint8Array): void {
  const { revision, order, terms } = decodeEntry(before)
  for (const term of [everyObject, ...terms]) {
    database.removeSync(indexKey(space, term, order, revision, id))
    count(database, space, term, -1)
  }
}

function addTerms(
  database: Database,
  { space, id }: Place,
  entry: { revision: Revision; order: number; terms: readonly IndexTerm[] },
): void {
  for (const term of [everyObject, ...entry.terms]) {
    database.putSync(indexKey(space, term, entry.order, entry.revision, id), nothing)
    count(database, space, term, 1)
  }
}

const nothing = Buffer.alloc(0)

function count(database: Database, space: Space, term: IndexTerm, by: 1 | -1): void {
  const key = counterKey(space, term)
  const now = readCount(database.getBinaryFast(key)) + by
  if (now <= 0) {
    database.removeSync(key)
    return
  }
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(now)
  database.putSync(key, bytes)
}

export function readCount(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : bytes.readDoubleBE(0)
}

function distinct(terms: readonly IndexTerm[]): IndexTerm[] {
  const seen = new Map(terms.map((term) => [`${term.attribute}\0${Buffer.from(term.value).toString('latin1')}`, term]))
  return [...seen.values()]
}

/** What lmdb says when there is no room, as an error that operators understand. */
export function describeDiskError(error: Error): KmipError {
  const text = error.message
  const isFull = /MDB_MAP_FULL|No space|ENOSPC|disk full/i.test(text)
  const why = isFull ? 'the disk that holds the ledger is full; free some space, nothing was changed' : `the ledger's file failed: ${text}`
  return new KmipError('GeneralFailure', `Not stored: ${why}.`, { cause: error })
}
