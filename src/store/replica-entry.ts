import type { Revision, Write } from './ledger.ts'

/** What a cluster's ledger tells of a write: `nonce` lets a worker settle a commit whose answer was lost. */
export interface ReplicaWrite extends Write {
  readonly nonce?: Uint8Array
}

/** All that one revision changed. */
export interface RevisionChange {
  readonly revision: Revision
  readonly writes: readonly ReplicaWrite[]
}

/** A write with the revision that made it. */
export interface ReplicaEntry extends ReplicaWrite {
  readonly revision: Revision
}
