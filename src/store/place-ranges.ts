import type { Database } from './database.ts'
import { afterPrefix, firstValueKey, groupOfValueKey, idOfValueKey, kindPrefix, valueKey } from './keys.ts'
import type { Place, Space } from './ledger.ts'

/** All values of one kind in one space. */
export interface Group {
  readonly space: Space
  readonly kind: Place['kind']
}

/** A run of identifiers in a group, in the order of their UTF-8 bytes. */
export interface PlaceRange extends Group {
  /** The identifier before its first; from the group's beginning when left out. */
  readonly after?: string | undefined
  /** Its last; to the group's end when left out. */
  readonly through?: string | undefined
}

/** The groups that the replica has values of. Costs one look for each. */
export function groupsIn(database: Database): Group[] {
  const groups: Group[] = []
  let start: Buffer = firstValueKey
  while (true) {
    const [key] = [...database.getKeys({ start, end: afterPrefix(firstValueKey), limit: 1 })]
    if (key === undefined) return groups
    const group = groupOfValueKey(key)
    groups.push(group)
    start = afterPrefix(kindPrefix(group.space, group.kind))
  }
}

/** The identifiers that the replica has values of in a range. */
export function idsIn(database: Database, { space, kind, after, through }: PlaceRange): string[] {
  const prefix = kindPrefix(space, kind)
  const start = after === undefined ? prefix : next(valueKey({ space, kind, id: after }))
  const end = through === undefined ? afterPrefix(prefix) : next(valueKey({ space, kind, id: through }))
  return [...database.getKeys({ start, end })].map((key) => idOfValueKey(key, prefix.length))
}

/** The first key after this one. */
function next(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)])
}
