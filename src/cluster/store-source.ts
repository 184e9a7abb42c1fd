import { firstFormat, type ReplicaEntry } from '../store/index.ts'
import type { Keys } from './keys.ts'
import type { SeedEntry, SeedSource } from './seed.ts'
import { encodeStored, nonceLength } from './stored-value.ts'

/** The values of a store of a node that stood alone, as a cluster holds them. */
export function storeSource(keys: Keys, id: string, store: { readonly total: number; entries(): Iterable<ReplicaEntry> }): SeedSource {
  return {
    id,
    total: store.total,
    *entries() {
      for (const entry of store.entries()) yield { ...storedEntry(keys, entry), revision: entry.revision, order: entry.order }
    },
  }
}

/** A store's value as etcd has it. */
export function storedEntry(
  keys: Keys,
  { place, value = nothing, nonce = noNonce, terms, order }: ReplicaEntry,
): Pick<SeedEntry, 'key' | 'value'> {
  return { key: keys.of(place), value: encodeStored({ nonce, order, terms, value }, firstFormat) }
}

const nothing = new Uint8Array(0)
const noNonce = new Uint8Array(nonceLength)
