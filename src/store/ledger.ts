/** A key space of the ledger: `t/<tenant>` for a tenant's objects, `sys` for tenants, rules, credentials, partitions, `work` for who does what. Made by `store/spaces.ts` alone. */
export type Space = string & { readonly __brand: 'Space' }

/** Where a stored value lies. `kind` keeps objects, reserved unique names and settings apart within one space. */
export interface Place {
  readonly space: Space
  readonly kind: 'object' | 'unique' | 'setting'
  /** The Unique Identifier, the unique name, or the setting's name: UTF-8, at most 1,024 bytes. */
  readonly id: string
}

/** A revision of the whole ledger; grows with each commit. 0 as a guard means: is not there. */
export type Revision = number

/**
 * What the replica's index knows of an object. `attribute` is a stable short name, `value` orders bytewise.
 * The store does not know what they mean; `objects/index-terms.ts` makes them.
 */
export interface IndexTerm {
  readonly attribute: string
  readonly value: Uint8Array
}

/** A value to store: opaque bytes, and for objects the terms and the order in which Locate lists them. */
export interface Write {
  readonly place: Place
  /** Undefined removes the place altogether (a released unique name). A destroyed object is a tombstone record, not a removal. */
  readonly value: Uint8Array | undefined
  readonly terms?: readonly IndexTerm[]
  /** Locate lists the greatest first: Initial Date in milliseconds. */
  readonly order?: number
}

/** `revision` is what the request relied on: that of the place when it was read, or 0 when it was not there. */
export interface Guard {
  readonly place: Place
  readonly revision: Revision
}

/** All that one request changes: applied whole or not at all. */
export interface ChangeSet {
  /** 16 random bytes, new for each proposal; settles a commit whose answer was lost. */
  readonly nonce: Uint8Array
  readonly guards: readonly Guard[]
  readonly writes: readonly Write[]
}

export type CommitOutcome =
  | { readonly outcome: 'committed'; readonly revision: Revision }
  /** A guard did not hold; nothing was changed. The request runs again from its barrier. */
  | { readonly outcome: 'conflict'; readonly place: Place }
  /** Whether it was applied could not be settled in time. Never run again silently. */
  | { readonly outcome: 'unknown'; readonly why: string }

/** The durable order of all changes. */
export interface Ledger {
  /**
   * Resolves when the local replica holds every change that was answered anywhere before this call.
   * @param patience milliseconds to wait at most; the ledger's own bound when left out
   * @throws KmipError GeneralFailure when that cannot be had (no majority), saying why.
   */
  barrier(patience?: number): Promise<void>
  /** Durable (fsync'd; by a majority in a cluster) and visible to every later barrier when it resolves as committed. */
  commit(changes: ChangeSet): Promise<CommitOutcome>
  /**
   * Resolves when nothing can be committed any more that an earlier ledger process of this node proposed; what was, the next barrier shows.
   * Absent where a process's end is the end of its proposals.
   * @throws KmipError when that cannot be had
   */
  earlierSettled?(): Promise<void>
  /**
   * Makes the replica's copy of a place what the ledger has. Absent where the replica is the ledger.
   * @returns whether it was another; a barrier shows it then
   */
  mend?(place: Place): Promise<boolean>
  /** The format that records may be written in: every node reads it. Absent where nobody else does; then it is this program's newest. */
  recordFormat?(): number
  /** Undefined while the ledger can serve; else why it cannot, for `/readyz` and error messages. */
  problem(): string | undefined
  close(): Promise<void>
}

export interface Stored {
  readonly value: Uint8Array
  readonly revision: Revision
}

/** Which objects to find: all the terms must match. `from` and `to` are inclusive; equal for an exact match. */
export interface TermMatch {
  readonly attribute: string
  readonly from: Uint8Array
  readonly to: Uint8Array
}

export interface Found {
  /** Greatest order first, the latest commit first among equals. */
  readonly ids: readonly string[]
  /** How many match in all, beyond the page (Located Items). */
  readonly total: number
}

/** The local copy that reads go to: memory-mapped, with its indexes; consistent at one revision until `renew`. */
export interface Replica {
  /** The revision that this view shows. Cheap: caches compare it before they trust an entry. */
  revision(): Revision
  read(place: Place): Stored | undefined
  /**
   * Objects of a space whose terms match all of `matches`, tested by `accept` where it is given (for what no index knows).
   * Cost grows with the matches of the rarest term, not with the space.
   */
  find(
    space: Space,
    matches: readonly TermMatch[],
    page: { readonly offset: number; readonly limit: number },
    accept?: (stored: Stored, id: string) => boolean,
  ): Found
  /** Lists a kind in a space, by id; all of it, or the ids that begin so. */
  list(space: Space, kind: Place['kind'], beginning?: string): Iterable<{ readonly id: string; readonly stored: Stored }>
}
