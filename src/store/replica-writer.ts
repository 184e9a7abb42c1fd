import { Application, readCount } from './apply-writes.ts'
import { type Database, openDatabase } from './database.ts'
import { diskProblem } from './disk-problem.ts'
import { dropReplicaAfterReboot, takeFolder } from './folder-lock.ts'
import { headKey, valueKey } from './keys.ts'
import type { Place, Revision } from './ledger.ts'
import { type Group, groupsIn, idsIn, type PlaceRange } from './place-ranges.ts'
import { LocalReplica } from './replica.ts'
import { ReplicaCheck } from './replica-check.ts'
import type { ReplicaEntry, RevisionChange } from './replica-entry.ts'
import { takeForCluster } from './store-owner.ts'

/** The one writer of a replica that follows another ledger (a cluster's). Never synced: after a crash of the machine it begins empty. */
export class ReplicaWriter {
  readonly #database: Database
  readonly #directory: string
  readonly #release: () => void
  readonly replica: LocalReplica
  readonly check: ReplicaCheck

  /** @throws Error when the folder is in use already, of a format that this program does not know, or holds what is in no cluster */
  constructor(directory: string) {
    this.#directory = directory
    this.#release = takeFolder(directory)
    try {
      takeForCluster(directory)
      dropReplicaAfterReboot(directory)
      this.#database = openDatabase(directory, 'rebuildable')
      this.replica = new LocalReplica(this.#database)
      this.check = new ReplicaCheck(this.#database, this.replica)
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

  /**
   * All writes of these revisions, in their order, and the last revision itself, in one transaction: no failure leaves one out that is before
   * another. Resolves when every process of the node can see them.
   * @throws Error that says what is wrong with the disk; nothing is stored then
   */
  async apply(changes: readonly RevisionChange[]): Promise<void> {
    const last = changes.at(-1)
    if (last === undefined) return
    await this.#store((application) => {
      for (const { revision, writes } of changes) for (const write of writes) application.write(write, revision, write.nonce)
      application.finish(last.revision)
    })
  }

  groups(): readonly Group[] {
    this.replica.renew()
    return groupsIn(this.#database)
  }

  /**
   * Makes what these ranges hold what `entries` say, in one transaction: each place goes from what it was to what it is to be, and those
   * that nothing is said of are removed, but `kept`. The revision reached stays as it is.
   */
  async copy(ranges: readonly PlaceRange[], entries: readonly ReplicaEntry[], kept: readonly Place[]): Promise<void> {
    await this.#store((application) => {
      const stay = new Set([...kept, ...entries.map(({ place }) => place)].map(nameOf))
      for (const range of ranges) {
        for (const id of idsIn(this.#database, range)) {
          const place = { space: range.space, kind: range.kind, id }
          if (!stay.has(nameOf(place))) application.write({ place, value: undefined }, 0, undefined)
        }
      }
      for (const entry of entries) application.copy(entry, entry.revision, entry.nonce)
      application.finish(readCount(this.#database.getBinaryFast(headKey)))
    })
  }

  async #store(work: (application: Application) => void): Promise<void> {
    try {
      await this.#database.childTransaction(() => work(new Application(this.#database)))
    } catch (error) {
      throw new Error(await diskProblem(this.#directory, error), { cause: error })
    }
    this.replica.renew()
  }

  async close(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await this.#database.close()
    this.#release()
  }
}

function nameOf(place: Place): string {
  return valueKey(place).toString('latin1')
}
