import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'

export type Database = RootDatabase<Buffer, Buffer>

/** The replica's file in the ledger's folder. */
export const replicaFile = 'replica.lmdb'

/**
 * - `durable`: for the one process that writes; a commit's promise means that the disk has it.
 * - `rebuildable`: for the one that writes what can be had again from a cluster; never synced.
 * - `reader`: for every other process of the node.
 */
export type DatabaseUse = 'durable' | 'rebuildable' | 'reader'

/** Addresses that the memory map may reach; space on disk is taken only as it is used. */
const mapSize = 1024 ** 4

/** Opens the replica's file. @throws Error naming the folder, when it is not there or cannot be opened. */
export function openDatabase(directory: string, use: DatabaseUse): Database {
  try {
    return open<Buffer, Buffer>({
      path: join(directory, replicaFile),
      mapSize,
      maxReaders: 1024,
      encoding: 'binary',
      keyEncoding: 'binary',
      // With it, lmdb makes promises of its own for each turn, whose rejection when the disk is full nobody can handle.
      eventTurnBatching: false,
      ...(use === 'reader' ? { readOnly: true } : { overlappingSync: false, noSync: use === 'rebuildable' }),
    })
  } catch (error) {
    throw new Error(`${directory}: its ${replicaFile} cannot be opened: ${(error as Error).message}`, { cause: error })
  }
}
