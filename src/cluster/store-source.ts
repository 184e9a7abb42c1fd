import type { ReplicaEntry } from '../store/index.ts'
import type { Keys } from './keys.ts'
import type { SeedEntry, SeedSource } from './seed.ts'
import { encodeStored, firstFormat, nonceLength } from './stored-value.ts'

/** The values of a store of a node that stood alone, as a cluster holds them. */
export function storeSource(keys: Keys, id: string, store: { readonly total: number; entries(): Iterable<ReplicaEntry> }): SeedSource {
  return {
    id,
    total: store.total,
    *entries() {
      for (const entry of store.entries()) yield seedEntry(keys, entry)
    },
  }
}

function seedEntry(keys: Keys, { place, value = nothing, nonce = noNonce, terms, order, revision }: ReplicaEntry): SeedEntry {
  return { key: keys.of(place), value: encodeStored({ nonce, order, terms, value }, firstFormat), revision, order }
}

const nothing = new Uint8Array(0)
const noNonce = new Uint8Array(nonceLength)
