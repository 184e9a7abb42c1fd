import { join } from 'node:path'
import { takeFolder } from './folder-lock.ts'
import { headKey, valueKey } from './keys.ts'
import type { ChangeSet, CommitOutcome, Ledger, Place, Revision } from './ledger.ts'
import { applyWrite, type Database, describeDiskError, LocalReplica, openDatabase, writeHead } from './replica.ts'
import { revisionOf } from './stored-entry.ts'

/** The replica's file in the ledger's folder. */
export const replicaFile = 'replica.lmdb'

interface Proposal {
  readonly changes: ChangeSet
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (error: Error) => void
}

/** Change sets that one transaction takes at most: bounds how long it holds the loop (some 50 microseconds each). */
const largestGroup = 256

/**
 * The ledger of a node without a cluster: the replica is the ledger, in the folder `directory`.
 * @throws Error when another process has the folder, or a newer program wrote it
 */
export function openEmbeddedLedger({ directory }: { readonly directory: string }): {
  readonly ledger: EmbeddedLedger
  readonly replica: LocalReplica
} {
  const release = takeFolder(directory)
  const database = openDatabase(join(directory, replicaFile), false)
  const replica = new LocalReplica(database)
  return { ledger: new EmbeddedLedger(database, replica, release), replica }
}

/** Commits that arrive while the disk is busy share the next fsync (group commit). */
export class EmbeddedLedger implements Ledger {
  readonly #database: Database
  readonly #replica: LocalReplica
  readonly #release: () => void
  #queue: Proposal[] = []
  #running: Promise<void> | undefined
  #problem: string | undefined
  #closed = false

  constructor(database: Database, replica: LocalReplica, release: () => void) {
    this.#database = database
    this.#replica = replica
    this.#release = release
  }

  /** One process writes and its replica is the ledger: seeing the newest commit is all. */
  async barrier(): Promise<void> {
    this.#replica.renew()
  }

  commit(changes: ChangeSet): Promise<CommitOutcome> {
    if (this.#closed) return Promise.reject(new Error('the ledger is closed'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ changes, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  problem(): string | undefined {
    return this.#problem
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#running
    await this.#database.close()
    this.#release()
  }

  async #run(): Promise<void> {
    // A turn of the loop for the requests that arrive together to meet in one group.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) await this.#commitGroup(this.#queue.splice(0, largestGroup))
    this.#running = undefined
  }

  async #commitGroup(group: readonly Proposal[]): Promise<void> {
    let outcomes: CommitOutcome[] = []
    try {
      await this.#database.childTransaction(() => {
        outcomes = applyGroup(
          this.#database,
          group.map(({ changes }) => changes),
        )
      })
      this.#problem = undefined
    } catch (error) {
      const problem = describeDiskError(error as Error)
      this.#problem = problem.message
      for (const { reject } of group) reject(problem)
      return
    }
    this.#replica.renew()
    for (const [index, { resolve }] of group.entries()) resolve(outcomes[index] as CommitOutcome)
  }
}

/** In one transaction: each change set is checked against all that went before it, and applied whole or not at all. */
function applyGroup(database: Database, group: readonly ChangeSet[]): CommitOutcome[] {
  const head = database.getBinaryFast(headKey as Buffer)
  let revision: Revision = head === undefined ? 0 : head.readDoubleBE(0)
  const outcomes = group.map((changes): CommitOutcome => {
    const broken = changes.guards.find(({ place, revision: relied }) => revisionAt(database, place) !== relied)
    if (broken !== undefined) return { outcome: 'conflict', place: broken.place }
    revision++
    for (const write of changes.writes) applyWrite(database, write, revision, changes.nonce)
    return { outcome: 'committed', revision }
  })
  writeHead(database, revision)
  return outcomes
}

function revisionAt(database: Database, place: Place): Revision {
  const entry = database.getBinaryFast(valueKey(place))
  return entry === undefined ? 0 : revisionOf(entry)
}
