import { KmipError } from '../../spec/kmip-error.ts'
import { Application, readCount } from './apply-writes.ts'
import { type Database, openDatabase } from './database.ts'
import { diskProblem } from './disk-problem.ts'
import { takeFolder } from './folder-lock.ts'
import { checkPlace, checkWrite, headKey } from './keys.ts'
import type { ChangeSet, CommitOutcome, Ledger, Revision } from './ledger.ts'
import { LocalReplica } from './replica.ts'
import { checkStandsAlone } from './store-owner.ts'

interface Proposal {
  readonly changes: ChangeSet
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (error: Error) => void
}

/** Change sets that one transaction takes at most: bounds how long it holds the loop (some 100 microseconds each). */
const largestGroup = 256
/** Milliseconds after a failure until the disk is tried again, so that a node taken out of service for it comes back by itself. */
const tryAgainAfter = 1000
/** Milliseconds. A process that was killed leaves its place among lmdb's readers, which keeps the pages it saw from being used again. */
const clearReadersEvery = 60_000

/**
 * The ledger of a node without a cluster: the replica is the ledger, in the folder `directory`.
 * @throws Error when the folder is in use already (naming the process), of a format that this program does not know, or a cluster's
 */
export function openEmbeddedLedger({ directory }: { readonly directory: string }): {
  readonly ledger: EmbeddedLedger
  readonly replica: LocalReplica
} {
  const release = takeFolder(directory)
  try {
    checkStandsAlone(directory)
    const database = openDatabase(directory, 'durable')
    const replica = new LocalReplica(database)
    return { ledger: new EmbeddedLedger(directory, database, replica, release), replica }
  } catch (error) {
    release()
    throw error
  }
}

/** Commits that arrive while the disk is busy share the next fsync (group commit). */
export class EmbeddedLedger implements Ledger {
  readonly #directory: string
  readonly #database: Database
  readonly #replica: LocalReplica
  readonly #release: () => void
  readonly #clearReaders: NodeJS.Timeout
  #queue: Proposal[] = []
  #running: Promise<void> | undefined
  #problem: string | undefined
  #closed = false

  constructor(directory: string, database: Database, replica: LocalReplica, release: () => void) {
    this.#directory = directory
    this.#database = database
    this.#replica = replica
    this.#release = release
    this.#clearReaders = setInterval(() => database.readerCheck(), clearReadersEvery).unref()
  }

  /** One process writes and its replica is the ledger: seeing the newest commit is all. */
  async barrier(): Promise<void> {
    this.#replica.renew()
  }

  /**
   * @throws KmipError GeneralFailure when the disk fails, and nothing was changed; RangeError for what can never be stored.
   */
  async commit(changes: ChangeSet): Promise<CommitOutcome> {
    if (this.#closed) throw new KmipError('GeneralFailure', 'The ledger is closed: this node is stopping. Nothing was changed.')
    for (const write of changes.writes) checkWrite(write)
    for (const { place } of changes.guards) checkPlace(place)
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
    clearInterval(this.#clearReaders)
    await this.#running
    // lmdb ends a commit in a later turn, and must not find its environment closed then.
    await new Promise((resolve) => setImmediate(resolve))
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
    const before = this.#head()
    let outcomes: CommitOutcome[] = []
    try {
      await this.#database.childTransaction(() => {
        outcomes = applyGroup(
          this.#database,
          group.map(({ changes }) => changes),
        )
      })
    } catch (error) {
      return this.#failGroup(group, before, error)
    }
    this.#problem = undefined
    this.#replica.renew()
    for (const [index, { resolve }] of group.entries()) resolve(outcomes[index] as CommitOutcome)
  }

  /** The head moves with the group, in one transaction: where it stands tells whether any of it was done. */
  async #failGroup(group: readonly Proposal[], before: Revision, error: unknown): Promise<void> {
    const why = await diskProblem(this.#directory, error)
    this.#problem = why
    const isUnchanged = this.#head() === before
    for (const { resolve, reject } of group) {
      if (isUnchanged) reject(new KmipError('GeneralFailure', `Nothing was changed: ${why}.`, { cause: error }))
      else resolve({ outcome: 'unknown', why })
    }
    // A group of nothing writes the head as it is.
    setTimeout(() => {
      if (!this.#closed && this.#problem !== undefined) this.#running ??= this.#commitGroup([]).then(() => this.#run())
    }, tryAgainAfter).unref()
  }

  #head(): Revision {
    this.#replica.renew()
    return readCount(this.#database.getBinaryFast(headKey))
  }
}

/** In one transaction: each change set is checked against all that went before it, and applied whole or not at all. */
function applyGroup(database: Database, group: readonly ChangeSet[]): CommitOutcome[] {
  const application = new Application(database)
  let revision = readCount(database.getBinaryFast(headKey))
  const outcomes = group.map(({ guards, writes, nonce }): CommitOutcome => {
    const broken = guards.find(({ place, revision: relied }) => application.revisionOf(place) !== relied)
    if (broken !== undefined) return { outcome: 'conflict', place: broken.place }
    revision++
    for (const write of writes) application.write(write, revision, nonce)
    return { outcome: 'committed', revision }
  })
  application.finish(revision)
  return outcomes
}
