import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'

/** The lmdb environment of a replica: one table, binary keys and values. */
export type Database = RootDatabase<Buffer, Uint8Array>

/**
 * - `durable`: for writing; a commit resolves when it is on the disk, and other processes see it no earlier.
 * - `rebuildable`: for writing what can be had again from the cluster; not synced.
 * - `reader`: another process of the node, beside the one that writes.
 */
export type DatabaseUse = 'durable' | 'rebuildable' | 'reader'

/** @throws Error naming the folder when it cannot be opened. */
export function openDatabase(directory: string, use: DatabaseUse): Database {
  try {
    return open<Buffer, Uint8Array>({
      path: join(directory, databaseFile),
      encoding: 'binary',
      keyEncoding: 'binary',
      // Address space, not memory or disk: the file grows as it is filled. The same in every process, or readers could not follow.
      mapSize: 2 ** 40,
      maxReaders: 512,
      ...(use === 'reader' ? { readOnly: true } : { overlappingSync: false, noSync: use === 'rebuildable' }),
    })
  } catch (error) {
    throw new Error(`the store in ${directory} cannot be opened: ${(error as Error).message}`, { cause: error })
  }
}

export const databaseFile = 'store.mdb'
