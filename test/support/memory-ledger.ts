import type { ChangeSet, CommitOutcome, Ledger, Place, Replica, Space, Stored } from '../../src/store/ledger.ts'

/** A ledger and its replica in memory, for what is tested above the store without a disk. `find` knows no terms and is refused. */
export function memoryLedger(): {
  readonly ledger: Ledger
  readonly replica: Replica
  readonly commits: readonly ChangeSet[]
  readonly space: (name: string) => Space
} {
  let reached = 0
  const values = new Map<string, { readonly place: Place; readonly stored: Stored }>()
  const commits: ChangeSet[] = []
  const nameOf = ({ space, kind, id }: Place) => JSON.stringify([space, kind, id])
  const read = (place: Place) => values.get(nameOf(place))?.stored
  const ledger: Ledger = {
    async barrier() {},
    async commit(changes): Promise<CommitOutcome> {
      const failed = changes.guards.find(({ place, revision }) => (read(place)?.revision ?? 0) !== revision)
      if (failed !== undefined) return { outcome: 'conflict', place: failed.place }
      reached++
      commits.push(changes)
      for (const { place, value } of changes.writes) {
        if (value === undefined) values.delete(nameOf(place))
        else values.set(nameOf(place), { place, stored: { value, revision: reached } })
      }
      return { outcome: 'committed', revision: reached }
    },
    problem: () => undefined,
    async close() {},
  }
  const replica: Replica = {
    revision: () => reached,
    read,
    find() {
      throw new Error('the memory ledger has no index')
    },
    *list(space, kind, beginning = '') {
      const all = [...values.values()].filter(({ place }) => place.space === space && place.kind === kind && place.id.startsWith(beginning))
      for (const { place, stored } of all.sort((a, b) => (a.place.id < b.place.id ? -1 : 1))) yield { id: place.id, stored }
    },
  }
  return { ledger, replica, commits, space: (name) => name as Space }
}
