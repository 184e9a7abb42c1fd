import { type Group, type PlaceRange, type ReplicaEntry, type Revision, systemSpace } from '../store/index.ts'
import type { EtcdClient } from './etcd-client.ts'
import { type KeyValue, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { type PageOptions, pagesOf } from './pages.ts'
import { decodeStored } from './stored-value.ts'

/** A run of stored values, in the order of keys. */
export interface StoredRun {
  /** The revision that it shows. */
  readonly revision: Revision
  /** The last key of the run before; undefined for the first. */
  readonly after: Buffer | undefined
  /** The run's last key; undefined for the last run, which reaches to the end of all. */
  readonly through: Buffer | undefined
  readonly entries: readonly ReplicaEntry[]
}

/**
 * Reads every stored value, in runs of about so many: who works on one must not hold up this process for long.
 * The settings of the whole system are in one run: whoever reads them in between must not take them half.
 */
export async function* readStored(client: EtcdClient, keys: Keys, length: number, options: PageOptions): AsyncGenerator<StoredRun, void> {
  const settings = keys.of({ space: systemSpace, kind: 'setting', id: '' })
  let after: Buffer | undefined
  let entries: ReplicaEntry[] = []
  for await (const { revision, kvs, isLast } of pagesOf(client, keys, options)) {
    for (let at = 0; at === 0 || at < kvs.length; at += length) {
      const some = kvs.slice(at, at + length)
      for (const found of some) {
        const entry = entryOf(keys, found)
        if (entry !== undefined) entries.push(entry)
      }
      const through = isLast && at + length >= kvs.length ? undefined : some.at(-1)?.key
      if (through !== undefined && beginsWith(through, settings)) continue
      yield { revision, after, through, entries }
      after = through
      entries = []
    }
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
