import { readCount } from './apply-writes.ts'
import type { Database } from './database.ts'
import {
  afterPrefix,
  counterOfIndexKey,
  everyObject,
  firstCounterKey,
  firstIndexKey,
  indexKey,
  indexOfCounter,
  readIndexKey,
  spaceOfIndexKey,
  termEndOf,
  valueKey,
} from './keys.ts'
import type { Place } from './ledger.ts'
import { decodeEntry, encodeCount } from './stored-entry.ts'

/** Keys of the index that are wrong, and the counters that may be. */
export interface IndexFaults {
  /** Entries of objects that the index lacks. */
  readonly missing: readonly Buffer[]
  /** Entries that no object has. */
  readonly stray: readonly Buffer[]
  /** Counters that tell another number than there are entries. */
  readonly counters: readonly Buffer[]
}

/** The index entries that the object at a place must have, and that are not there. */
export function missingEntries(database: Database, place: Place): Buffer[] {
  return entriesOf(database, place).filter((key) => database.getBinaryFast(key) === undefined)
}

/** Looks at index entries from a key on; `next` is where to go on, undefined at the end. */
export function checkEntries(
  database: Database,
  from: Buffer | undefined,
  limit: number,
): Pick<IndexFaults, 'stray' | 'counters'> & { readonly next: Buffer | undefined } {
  const keys = keysFrom(database, from ?? firstIndexKey, afterPrefix(firstIndexKey), limit)
  const terms = new Map(keys.filter(isReadable).map((key) => [key.toString('latin1', 1, termEndOf(key)), key]))
  return {
    stray: keys.filter((key) => isStray(database, key)),
    // What has no counter at all is not met among the counters.
    counters: [...terms.values()].map(counterOfIndexKey).filter((counter) => database.getBinaryFast(counter) === undefined),
    next: keys.length < limit ? undefined : following(keys.at(-1)),
  }
}

/** Looks at counters from a key on. Those that tell of more than `most` entries are not counted here: they are `large`. */
export function checkCounters(
  database: Database,
  from: Buffer | undefined,
  limit: number,
  most: number,
): { readonly counters: readonly Buffer[]; readonly large: readonly Buffer[]; readonly next: Buffer | undefined } {
  const keys = keysFrom(database, from ?? firstCounterKey, afterPrefix(firstCounterKey), limit)
  const told = keys.map((key) => ({ key, count: readCount(database.getBinaryFast(key)) }))
  return {
    counters: told.filter(({ key, count }) => count <= most && countEntries(database, key, count + 1) !== count).map(({ key }) => key),
    large: told.filter(({ count }) => count > most).map(({ key }) => key),
    next: keys.length < limit ? undefined : following(keys.at(-1)),
  }
}

/** Whether a counter tells how many entries there are: counted in steps, all of one state of the database, with a pause after each. */
export function* isRightCounter(database: Database, counter: Buffer, step: number): Generator<void, boolean> {
  const transaction = database.useReadTransaction()
  try {
    const told = readCount(database.get(counter, { transaction }))
    let start = indexOfCounter(counter)
    const end = afterPrefix(start)
    for (let count = 0; count <= told; count += step) {
      const [next] = [...database.getKeys({ start, end, offset: step, limit: 1, transaction })]
      if (next === undefined) return count + database.getKeysCount({ start, end, transaction }) === told
      start = Buffer.from(next)
      yield
    }
    return false
  } finally {
    transaction.done()
  }
}

/** Within a write transaction: makes right what is wrong of these, as it is now. Answers how many keys it changed. */
export function mendIndex(database: Database, faults: IndexFaults): number {
  let mended = 0
  for (const key of faults.stray) {
    if (!isStray(database, key)) continue
    database.removeSync(key)
    mended++
  }
  for (const key of faults.missing) {
    if (database.getBinaryFast(key) !== undefined || isStray(database, key)) continue
    database.putSync(key, Buffer.alloc(0))
    mended++
  }
  const touched = [...faults.missing, ...faults.stray].filter(isReadable).map((key) => counterOfIndexKey(key))
  const counters = new Map([...faults.counters, ...touched].map((key) => [key.toString('latin1'), key]))
  for (const key of counters.values()) {
    const count = countEntries(database, key)
    if (count === readCount(database.getBinaryFast(key))) continue
    if (count === 0) database.removeSync(key)
    else database.putSync(key, encodeCount(count))
    mended++
  }
  return mended
}

/** The counters of all terms that an object has. */
export function countersOf(database: Database, place: Place): Buffer[] {
  return entriesOf(database, place).map((key) => counterOfIndexKey(key))
}

function entriesOf(database: Database, place: Place): Buffer[] {
  const stored = place.kind === 'object' ? database.getBinary(valueKey(place)) : undefined
  if (stored === undefined) return []
  try {
    const { revision, order, terms } = decodeEntry(stored)
    return [everyObject, ...terms].map((term) => indexKey(place.space, term, order, revision, place.id))
  } catch {
    // Bytes that cannot be read have no terms; that they are not the cluster's is found where they are compared.
    return []
  }
}

function isStray(database: Database, key: Buffer): boolean {
  if (!isReadable(key)) return true
  const { id } = readIndexKey(key, termEndOf(key))
  return !entriesOf(database, { space: spaceOfIndexKey(key), kind: 'object', id }).some((own) => own.equals(key))
}

function isReadable(key: Buffer): boolean {
  try {
    return key.length > termEndOf(key)
  } catch {
    return false
  }
}

function countEntries(database: Database, counter: Buffer, limit?: number): number {
  const start = indexOfCounter(counter)
  return database.getKeysCount({ start, end: afterPrefix(start), ...(limit !== undefined && { limit }) })
}

function keysFrom(database: Database, start: Buffer, end: Buffer, limit: number): Buffer[] {
  return [...database.getKeys({ start, end, limit })].map((key) => Buffer.from(key))
}

function following(key: Buffer | undefined): Buffer | undefined {
  return key && Buffer.concat([key, Buffer.of(0)])
}
