import { type Group, type PlaceRange, type ReplicaEntry, type Revision, systemSpace } from '../store/index.ts'
import type { CallOptions, EtcdClient } from './etcd-client.ts'
import { type KeyValue, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { decodeStored } from './stored-value.ts'

export interface SnapshotPage {
  /** The one revision that all pages show. */
  readonly revision: Revision
  /** The last key of the page before; undefined for the first. */
  readonly after: Buffer | undefined
  /** The page's last key; undefined for the last page, which reaches to the end of all. */
  readonly through: Buffer | undefined
  readonly entries: readonly ReplicaEntry[]
}

/**
 * Reads every stored value as it was at one revision, the newest when the first page was read; page after page in the order of keys.
 * The settings of the whole system are on one page: whoever reads them in between must not take them half.
 */
export async function* readSnapshot(client: EtcdClient, keys: Keys, options: CallOptions): AsyncGenerator<SnapshotPage> {
  let after: Buffer | undefined
  let key = keys.data
  let revision = 0
  let entries: ReplicaEntry[] = []
  const settings = keys.of({ space: systemSpace, kind: 'setting', id: '' })
  while (true) {
    const page = await client.range({ key, rangeEnd: keys.dataEnd, limit: pageSize, revision }, options)
    if (revision === 0) revision = revisionOf(page.header.revision)
    for (const found of page.kvs) {
      const entry = entryOf(keys, found)
      if (entry !== undefined) entries.push(entry)
    }
    const last = page.kvs.at(-1)?.key
    if (!page.more || last === undefined) {
      yield { revision, after, through: undefined, entries }
      return
    }
    key = Buffer.concat([last, Buffer.of(0)])
    if (beginsWith(last, settings)) continue
    yield { revision, after, through: last, entries }
    after = last
    entries = []
  }
}

/** What the replica keeps of a stored key; undefined for one that is no place. */
export function entryOf(keys: Keys, { key, value: bytes, modRevision }: KeyValue): ReplicaEntry | undefined {
  const place = keys.placeOf(key)
  if (place === undefined) return undefined
  const { nonce, value, terms, order } = decodeStored(bytes)
  return { place, value, nonce, revision: revisionOf(modRevision), ...(terms && { terms }), ...(order === undefined ? {} : { order }) }
}

/** What of these groups lies after one key, and up to another, in the cluster's order of keys. */
export function rangesOf(keys: Keys, groups: readonly Group[], after: Buffer | undefined, through: Buffer | undefined): PlaceRange[] {
  return groups.flatMap((group) => {
    const prefix = keys.of({ ...group, id: '' })
    const hasBegun = after !== undefined && beginsWith(after, prefix)
    const ends = through !== undefined && beginsWith(through, prefix)
    if (after !== undefined && !hasBegun && after.compare(prefix) > 0) return []
    if (through !== undefined && !ends && through.compare(prefix) < 0) return []
    const idOf = (key: Buffer) => key.toString('utf8', prefix.length)
    return { ...group, after: hasBegun ? idOf(after) : undefined, through: ends ? idOf(through) : undefined }
  })
}

function beginsWith(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
}

const pageSize = 500
