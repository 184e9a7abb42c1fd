import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase, replicaFile } from './database.ts'
import { isOfThisBoot } from './folder-lock.ts'
import type { Place, Stored } from './ledger.ts'
import { LocalReplica } from './replica.ts'
import { ReplicaCheck } from './replica-check.ts'
import type { ReplicaEntry } from './replica-entry.ts'
import { type StoredValues, valuesByRevision } from './stored-values.ts'

/** The copy that a node of a cluster has, while the node is stopped. */
export interface StoppedReplica extends StoredValues {
  readonly revision: number
  read(place: Place): Stored | undefined
  /** Whether a place is, byte for byte, what an entry says. */
  is(place: Place, entry: ReplicaEntry): boolean
  close(): Promise<void>
}

/** Undefined where there is none, or the machine has stopped since: it is never synced. For who has taken the folder. */
export function openStoppedReplica(directory: string): StoppedReplica | undefined {
  if (!existsSync(join(directory, replicaFile)) || !isOfThisBoot(directory)) return undefined
  const database = openDatabase(directory, 'reader')
  const replica = new LocalReplica(database)
  const check = new ReplicaCheck(database, replica)
  return {
    ...valuesByRevision(database),
    revision: replica.revision(),
    read: (place) => replica.read(place),
    is: (place, entry) => check.is(place, entry),
    close: () => database.close(),
  }
}
