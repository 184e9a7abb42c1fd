import { openDatabase } from './database.ts'
import { takeFolder } from './folder-lock.ts'
import { beginMove, emptyForCluster } from './store-owner.ts'
import { type StoredValues, valuesByRevision } from './stored-values.ts'

/** The store of a node that stands alone, on its way into a cluster; nobody else can open it. */
export interface MovingStore extends StoredValues {
  /** It stays on its way, and may be opened again, until `forgetStore`. */
  close(): Promise<void>
}

/** @throws Error when a node runs on the folder, or it is a cluster's already */
export function openMovingStore(directory: string): MovingStore {
  const release = takeFolder(directory)
  try {
    beginMove(directory)
    const database = openDatabase(directory, 'durable')
    return {
      ...valuesByRevision(database),
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
