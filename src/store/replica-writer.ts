import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { replicaFile } from './embedded-ledger.ts'
import { takeFolder } from './folder-lock.ts'
import type { Revision, Write } from './ledger.ts'
import { applyWrite, type Database, LocalReplica, openDatabase, writeHead } from './replica.ts'

/** The one writer of a replica that follows another ledger (a cluster's). */
export class ReplicaWriter {
  readonly #database: Database
  readonly #release: () => void
  readonly replica: LocalReplica

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#release = takeFolder(directory)
    this.#database = openDatabase(join(directory, replicaFile), false)
    this.replica = new LocalReplica(this.#database)
  }

  /** The revision that the file has reached; 0 when it is empty. */
  revision(): Revision {
    this.replica.renew()
    return this.replica.revision()
  }

  /** All writes of one revision and the revision itself, in one transaction; resolves when every process of the node can see them. */
  async apply(revision: Revision, writes: readonly Write[]): Promise<void> {
    await this.#database.childTransaction(() => {
      for (const write of writes) applyWrite(this.#database, write, revision, undefined)
      writeHead(this.#database, revision)
    })
    this.replica.renew()
  }

  async clear(): Promise<void> {
    await this.#database.clearAsync()
    this.replica.renew()
  }

  async close(): Promise<void> {
    await this.#database.close()
    this.#release()
  }
}
