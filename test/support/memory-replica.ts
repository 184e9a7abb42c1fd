import type { ReplicaTarget } from '../../src/cluster/index.ts'
import type { Place, Stored } from '../../src/store/index.ts'

export interface MemoryReplica extends ReplicaTarget {
  read(place: Place): Stored | undefined
  readonly size: number
}

/** A replica in memory, for what is tested of the cluster without a disk. */
export function memoryReplica(): MemoryReplica {
  let reached = 0
  const values = new Map<string, Stored>()
  const nameOf = ({ space, kind, id }: Place) => JSON.stringify([space, kind, id])
  const read = (place: Place) => values.get(nameOf(place))
  return {
    replica: { read },
    revision: () => reached,
    async apply(revision, writes) {
      reached = revision
      for (const { place, value } of writes) {
        if (value === undefined) values.delete(nameOf(place))
        else values.set(nameOf(place), { value, revision })
      }
    },
    async clear() {
      reached = 0
      values.clear()
    },
    read,
    get size() {
      return values.size
    },
  }
}
