import type { ReplicaTarget } from '../../src/cluster/index.ts'
import type { Group, Place, Stored } from '../../src/store/index.ts'

export interface MemoryReplica extends ReplicaTarget {
  read(place: Place): Stored | undefined
  readonly size: number
}

/** A replica in memory, for what is tested of the cluster without a disk. */
export function memoryReplica(): MemoryReplica {
  let reached = 0
  const values = new Map<string, Stored>()
  const placeOf = (name: string): Place => {
    const [space, kind, id] = JSON.parse(name) as [Place['space'], Place['kind'], string]
    return { space, kind, id }
  }
  const nameOf = ({ space, kind, id }: Place) => JSON.stringify([space, kind, id])
  const read = (place: Place) => values.get(nameOf(place))
  return {
    replica: { read },
    revision: () => reached,
    async apply(changes) {
      for (const { revision, writes } of changes) {
        reached = revision
        for (const { place, value } of writes) {
          if (value === undefined) values.delete(nameOf(place))
          else values.set(nameOf(place), { value, revision })
        }
      }
    },
    groups() {
      const groups = [...values.keys()].map((name) => {
        const { space, kind } = placeOf(name)
        return JSON.stringify({ space, kind })
      })
      return [...new Set(groups)].map((group) => JSON.parse(group) as Group)
    },
    async copy(ranges, entries, kept) {
      for (const name of values.keys()) {
        const place = placeOf(name)
        const isMeant = ranges.some(
          ({ space, kind, after, through }) =>
            space === place.space &&
            kind === place.kind &&
            (after === undefined || place.id > after) &&
            (through === undefined || place.id <= through),
        )
        if (isMeant && !kept.some((each) => nameOf(each) === name)) values.delete(name)
      }
      for (const { place, value, revision } of entries) if (value !== undefined) values.set(nameOf(place), { value, revision })
    },
    read,
    get size() {
      return values.size
    },
  }
}
