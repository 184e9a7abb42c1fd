import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import type { Partition } from '../partitions/partition.ts'
import type { Jobs } from './jobs.ts'
import type { ObjectStore } from './object-store.ts'
import type { ResidentRule } from './resident-rule.ts'
import type { Streams } from './streams.ts'
import type { Tickets } from './tickets.ts'

/** What a server is, for Query and Discover Versions. */
export interface ServerFacts {
  /** The versions it answers, most wanted first. */
  readonly versions: readonly Version[]
  /** The operations that this identity's version knows, in the standard's order. */
  readonly operations: readonly OperationName[]
  readonly vendorIdentification: string
  readonly serverName: string
  readonly serverVersion: string
  readonly serverSerialNumber: string
  readonly profiles: readonly EnumerationValue<'ProfileName'>[]
}

/**
 * All that a handler can reach: the tenant's objects, its partition, the time. One context serves one request (all of its Batch Items);
 * the dispatcher commits what was staged, or drops it.
 */
export interface Context {
  /** When the request began, in seconds since 1970: one time for all of its items. */
  readonly now: number
  /** The same in milliseconds, for the order of Locate. */
  readonly nowMilliseconds: number
  readonly objects: ObjectStore
  readonly partition: Partition
  /** Cryptographic operations in parts. */
  readonly streams: Streams
  readonly tickets: Tickets
  readonly jobs: Jobs
  readonly server: ServerFacts
  /**
   * How the client's protocol tells apart the instances of one attribute: in 1.x by Attribute Index, which is 0 where none is given
   * (KMIP 1.4 §2.1.1); in 2.x by value, where none given means all of them, or that there is but one.
   */
  readonly attributeInstances: 'by-index' | 'by-value'
  /** Which of the tenant's key policies hold where a request is silent, and what it has allowed. */
  readonly policy: {
    readonly sensitive: boolean
    readonly extractable: boolean
    /** Whether keys of 3DES are made and used; not unless told. */
    readonly tripleDes?: boolean
    /** The rule for keys that stay in their device; the usual one unless told. */
    readonly resident?: ResidentRule
  }
}

/** `own`: what is the client's own anyway, but is stored. `none`: what a server says of itself. */
export type Permission = 'create' | 'read' | 'use' | 'locate' | 'attributes' | 'lifecycle' | 'own' | 'none'

/** One handler, as the table in `index.ts` lists it. */
export interface OperationEntry<O extends OperationName> {
  readonly handler: (context: Context, request: RequestPayload<O>) => Promise<ResponsePayload<O>>
  readonly permission: Permission
  /** Another one that it needs beside that. */
  readonly also?: Permission
  /** Whether a request that names no object means the ID Placeholder (KMIP 2.1 §5.4). The dispatcher fills `uniqueIdentifier` in. */
  readonly needsObject: boolean
  /**
   * Whether its answer may come later: when the client insists; `preferred`, also when the client leaves it to the server. Absent for what is
   * about the connection or other requests, and for what hands out keys: such an answer is not kept.
   */
  readonly later?: 'possible' | 'preferred'
  /** The identifier that becomes the ID Placeholder after success; null clears it. */
  readonly placeholder?: (response: ResponsePayload<O>, request: RequestPayload<O>) => string | null | undefined
}
