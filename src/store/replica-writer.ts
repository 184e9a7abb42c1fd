import { Application } from './apply-writes.ts'
import { type Database, openDatabase } from './database.ts'
import { dropReplicaAfterReboot, takeFolder } from './folder-lock.ts'
import type { Revision, Write } from './ledger.ts'
import { LocalReplica } from './replica.ts'

/** What a cluster's ledger tells of a write: `nonce` lets a worker settle a commit whose answer was lost. */
export interface ReplicaWrite extends Write {
  readonly nonce?: Uint8Array
}

/** The one writer of a replica that follows another ledger (a cluster's). Never synced: after a crash of the machine it begins empty. */
export class ReplicaWriter {
  readonly #database: Database
  readonly #release: () => void
  readonly replica: LocalReplica

  /** @throws Error when the folder is in use already, or of a format that this program does not know */
  constructor(directory: string) {
    this.#release = takeFolder(directory)
    try {
      dropReplicaAfterReboot(directory)
      this.#database = openDatabase(directory, 'rebuildable')
      this.replica = new LocalReplica(this.#database)
    } catch (error) {
      this.#release()
      throw error
    }
  }

  /** The revision that the file has reached; 0 when it is empty. */
  revision(): Revision {
    this.replica.renew()
    return this.replica.revision()
  }

  /** All writes of one revision and the revision itself, in one transaction; resolves when every process of the node can see them. */
  async apply(revision: Revision, writes: readonly ReplicaWrite[]): Promise<void> {
    await this.#database.childTransaction(() => {
      const application = new Application(this.#database)
      for (const write of writes) application.write(write, revision, write.nonce)
      application.finish(revision)
    })
    this.replica.renew()
  }

  async clear(): Promise<void> {
    await this.#database.clearAsync()
    this.replica.renew()
  }

  async close(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await this.#database.close()
    this.#release()
  }
}
