import { Application, entryOf, readCount } from './apply-writes.ts'
import type { Database } from './database.ts'
import { checkCounters, checkEntries, countersOf, type IndexFaults, isRightCounter, mendIndex, missingEntries } from './index-check.ts'
import { headKey, valueKey } from './keys.ts'
import type { Place, Revision } from './ledger.ts'
import { idsIn, type PlaceRange } from './place-ranges.ts'
import type { LocalReplica } from './replica.ts'
import type { ReplicaEntry } from './replica-entry.ts'
import { decodeEntry, encodeEntry, revisionOf } from './stored-entry.ts'

/** What a page of the cluster's values is compared with, and how what differs is made right. For the process that writes the replica. */
export class ReplicaCheck {
  readonly #database: Database
  readonly #replica: LocalReplica

  constructor(database: Database, replica: LocalReplica) {
    this.#database = database
    this.#replica = replica
  }

  /** The places of these ranges that are not, byte for byte, what `entries` say, but `kept` and those that a later revision than `asOf` wrote. */
  differing(ranges: readonly PlaceRange[], entries: readonly ReplicaEntry[], asOf: Revision, kept: readonly Place[]): Place[] {
    this.#replica.renew()
    const said = new Map(entries.map((entry) => [nameOf(entry.place), entry]))
    const places = new Map(entries.map(({ place }) => [nameOf(place), place]))
    for (const range of ranges)
      for (const id of idsIn(this.#database, range)) {
        const place = { space: range.space, kind: range.kind, id }
        places.set(nameOf(place), place)
      }
    for (const place of kept) places.delete(nameOf(place))
    return [...places].filter(([name, place]) => !this.is(place, said.get(name)) && !this.#isLater(place, asOf)).map(([, place]) => place)
  }

  /** Whether a place is, byte for byte, what an entry says, undefined for one that is not there. */
  is(place: Place, entry: ReplicaEntry | undefined): boolean {
    const stored = this.#database.getBinary(valueKey(place))
    if (stored === undefined || entry === undefined) return stored === undefined && entry === undefined
    return encodeEntry(entryOf(entry, entry.revision, entry.nonce)).equals(stored)
  }

  /** Written since by a revision that the replica has reached: a greater one than that is nothing that the cluster wrote. */
  #isLater(place: Place, asOf: Revision): boolean {
    const stored = this.#database.getBinary(valueKey(place))
    if (stored === undefined || !isReadable(stored)) return false
    const revision = revisionOf(stored)
    return revision > asOf && revision <= this.#replica.revision()
  }

  /** Makes a place what the entry says, with all that the index has of it. */
  async mend(place: Place, entry: ReplicaEntry | undefined): Promise<void> {
    await this.#transaction(() => {
      const stored = this.#database.getBinary(valueKey(place))
      // What cannot be read tells no terms; the index is looked through for what it leaves behind.
      if (stored !== undefined && !isReadable(stored)) this.#database.removeSync(valueKey(place))
      const before = countersOf(this.#database, place)
      const application = new Application(this.#database)
      if (entry === undefined) application.write({ place, value: undefined }, 0, undefined)
      else application.write(entry, entry.revision, entry.nonce)
      application.finish(readCount(this.#database.getBinaryFast(headKey)))
      mendIndex(this.#database, { missing: [], stray: [], counters: [...before, ...countersOf(this.#database, place)] })
    })
  }

  /** What the index lacks of these places. */
  missingEntries(places: readonly Place[]): IndexFaults {
    this.#replica.renew()
    return { ...noFaults, missing: places.flatMap((place) => missingEntries(this.#database, place)) }
  }

  /**
   * The index itself, so many entries or counters at a time: entries that no object has, and wrong counters. What many objects have takes
   * several steps, in which nothing is found.
   */
  *index(limit: number): Generator<IndexFaults, void> {
    for (let from: Buffer | undefined, isFirst = true; isFirst || from !== undefined; isFirst = false) {
      this.#replica.renew()
      const { stray, counters, next } = checkEntries(this.#database, from, limit)
      yield { ...noFaults, stray, counters }
      from = next
    }
    for (let from: Buffer | undefined, isFirst = true; isFirst || from !== undefined; isFirst = false) {
      this.#replica.renew()
      const { counters, large, next } = checkCounters(this.#database, from, limit, countedEach * limit)
      yield { ...noFaults, counters }
      for (const counter of large) {
        const steps = isRightCounter(this.#database, counter, countedAtOnce * limit)
        let step = steps.next()
        try {
          for (; step.done !== true; step = steps.next()) yield noFaults
        } finally {
          steps.return(false)
        }
        if (step.value === false) yield { ...noFaults, counters: [counter] }
      }
      from = next
    }
  }

  /** Answers how many keys of the index had to be changed. */
  async mendIndex(faults: IndexFaults): Promise<number> {
    if (faults.missing.length + faults.stray.length + faults.counters.length === 0) return 0
    let mended = 0
    await this.#transaction(() => {
      mended = mendIndex(this.#database, faults)
    })
    return mended
  }

  async #transaction(work: () => void): Promise<void> {
    await this.#database.childTransaction(work)
    this.#replica.renew()
  }
}

function isReadable(stored: Buffer): boolean {
  try {
    decodeEntry(stored)
    return true
  } catch {
    return false
  }
}

/** Entries that are counted for each counter that is looked at, and for one alone, as a multiple: counting costs much less than looking. */
const countedEach = 5
const countedAtOnce = 100
const noFaults: IndexFaults = { missing: [], stray: [], counters: [] }

function nameOf(place: Place): string {
  return valueKey(place).toString('latin1')
}
