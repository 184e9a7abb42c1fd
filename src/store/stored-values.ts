import type { Database } from './database.ts'
import { afterPrefix, firstValueKey, groupOfValueKey, idOfValueKey, kindPrefix } from './keys.ts'
import type { Revision } from './ledger.ts'
import type { ReplicaEntry } from './replica-entry.ts'
import { decodeEntry, revisionOf } from './stored-entry.ts'

/** All values of a store that nobody writes, in the order in which they were last written, always the same. */
export interface StoredValues {
  readonly total: number
  /** @param after the values alone that were written by later revisions */
  entries(after?: Revision): Iterable<ReplicaEntry>
}

/** About 150 bytes of memory a value. */
export function valuesByRevision(database: Database): StoredValues {
  const found: { readonly key: Buffer; readonly revision: Revision }[] = []
  for (const { key, value } of database.getRange({ start: firstValueKey, end: afterPrefix(firstValueKey) }))
    found.push({ key: Buffer.from(key), revision: revisionOf(value) })
  found.sort((one, other) => one.revision - other.revision || one.key.compare(other.key))
  return {
    total: found.length,
    *entries(after = -1) {
      for (const { key, revision } of found) if (revision > after) yield entryAt(database, key)
    },
  }
}

function entryAt(database: Database, key: Buffer): ReplicaEntry {
  const stored = database.getBinary(key)
  if (stored === undefined) throw new Error('a value of the store is gone: another program changes its file')
  const group = groupOfValueKey(key)
  const place = { ...group, id: idOfValueKey(key, kindPrefix(group.space, group.kind).length) }
  const { revision, nonce, order, terms, value } = decodeEntry(stored)
  return { place, value, revision, nonce, ...(group.kind === 'object' && { terms, order }) }
}
