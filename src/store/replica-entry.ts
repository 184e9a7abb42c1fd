import type { Revision, Write } from './ledger.ts'

/** What a cluster's ledger tells of a write: `nonce` lets a worker settle a commit whose answer was lost. */
export interface ReplicaWrite extends Write {
  readonly nonce?: Uint8Array
}

/** A write with the revision that made it. */
export interface ReplicaEntry extends ReplicaWrite {
  readonly revision: Revision
}
