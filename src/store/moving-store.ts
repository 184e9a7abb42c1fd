import { type Database, openDatabase } from './database.ts'
import { takeFolder } from './folder-lock.ts'
import { afterPrefix, firstValueKey, groupOfValueKey, idOfValueKey, kindPrefix } from './keys.ts'
import type { ReplicaEntry } from './replica-entry.ts'
import { beginMove, emptyForCluster } from './store-owner.ts'
import { decodeEntry, revisionOf } from './stored-entry.ts'

/** The store of a node that stands alone, on its way into a cluster; nobody else can open it. */
export interface MovingStore {
  readonly total: number
  /** In the order in which they were last written, always the same. */
  entries(): Iterable<ReplicaEntry>
  /** It stays on its way, and may be opened again, until `forgetStore`. */
  close(): Promise<void>
}

/** @throws Error when a node runs on the folder, or it is a cluster's already */
export function openMovingStore(directory: string): MovingStore {
  const release = takeFolder(directory)
  try {
    beginMove(directory)
    const database = openDatabase(directory, 'durable')
    const keys = keysByRevision(database)
    return {
      total: keys.length,
      *entries() {
        for (const key of keys) yield entryAt(database, key)
      },
      close: async () => {
        await database.close()
        release()
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

/** Empties the store of a node that is stopped: a cluster has what it held, or what is to be in its place. */
export function forgetStore(directory: string): void {
  const release = takeFolder(directory)
  try {
    emptyForCluster(directory)
  } finally {
    release()
  }
}

/** Keeps any node from running on the folder for as long as `work` takes. @throws Error when one runs */
export async function withFolderTaken<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const release = takeFolder(directory)
  try {
    return await work()
  } finally {
    release()
  }
}

/** About 150 bytes of memory a key. */
function keysByRevision(database: Database): Buffer[] {
  const found: { readonly key: Buffer; readonly revision: number }[] = []
  for (const { key, value } of database.getRange({ start: firstValueKey, end: afterPrefix(firstValueKey) }))
    found.push({ key: Buffer.from(key), revision: revisionOf(value) })
  return found.sort((one, other) => one.revision - other.revision || one.key.compare(other.key)).map(({ key }) => key)
}

function entryAt(database: Database, key: Buffer): ReplicaEntry {
  const stored = database.getBinary(key)
  if (stored === undefined) throw new Error('a value of the store is gone: another program changes its file')
  const group = groupOfValueKey(key)
  const place = { ...group, id: idOfValueKey(key, kindPrefix(group.space, group.kind).length) }
  const { revision, nonce, order, terms, value } = decodeEntry(stored)
  return { place, value, revision, nonce, ...(group.kind === 'object' && { terms, order }) }
}
