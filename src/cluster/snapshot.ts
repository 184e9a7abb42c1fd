import type { Revision, Write } from '../store/index.ts'
import type { CallOptions, EtcdClient } from './etcd-client.ts'
import { revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { decodeStored } from './stored-value.ts'

export interface SnapshotPage {
  /** The one revision that all pages show. */
  readonly revision: Revision
  readonly entries: readonly SnapshotEntry[]
}

export interface SnapshotEntry {
  readonly write: Write
  readonly nonce: Uint8Array
  /** The revision that wrote it: what a guard on it must name. */
  readonly changedAt: Revision
}

/** Reads every stored value as it was at one revision, the newest when the first page was read; page after page. */
export async function* readSnapshot(client: EtcdClient, keys: Keys, options: CallOptions): AsyncGenerator<SnapshotPage> {
  let key = keys.data
  let revision = 0
  while (true) {
    const page = await client.range({ key, rangeEnd: keys.dataEnd, limit: pageSize, revision }, options)
    if (revision === 0) revision = revisionOf(page.header.revision)
    const entries: SnapshotEntry[] = []
    for (const { key: found, value: bytes, modRevision } of page.kvs) {
      const place = keys.placeOf(found)
      if (place === undefined) continue
      const { nonce, value, terms, order } = decodeStored(bytes)
      const write = { place, value, ...(terms === undefined ? {} : { terms }), ...(order === undefined ? {} : { order }) }
      entries.push({ write, nonce, changedAt: revisionOf(modRevision) })
    }
    yield { revision, entries }
    const last = page.kvs.at(-1)
    if (!page.more || last === undefined) return
    key = Buffer.concat([last.key, Buffer.of(0)])
  }
}

const pageSize = 1000
