/**
 * The TypeScript side of `etcd-schema.ts`. 64-bit numbers arrive as decimal strings, because member and cluster identifiers use all
 * 64 bits; `revisionOf` turns revisions and sizes into numbers.
 */

export interface ResponseHeader {
  readonly clusterId: string
  readonly memberId: string
  readonly revision: string
  readonly raftTerm: string
}

export interface KeyValue {
  readonly key: Buffer
  readonly value: Buffer
  readonly createRevision: string
  readonly modRevision: string
  /** How often the key was written since it was created. */
  readonly version: string
}

export interface RangeRequest {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
  readonly limit?: number
  readonly revision?: number
  readonly serializable?: boolean
  readonly keysOnly?: boolean
}

export interface RangeResponse {
  readonly header: ResponseHeader
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  readonly count: string
}

export interface PutRequest {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface Compare {
  readonly result: 'EQUAL'
  readonly target: 'MOD'
  readonly key: Uint8Array
  readonly modRevision: number
}

export interface RequestOp {
  readonly requestRange?: RangeRequest
  readonly requestPut?: PutRequest
  readonly requestDeleteRange?: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array }
  readonly requestTxn?: TxnRequest
}

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface TxnResponse {
  readonly header: ResponseHeader
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

export interface ResponseOp {
  readonly responseRange?: RangeResponse | null
  readonly responseTxn?: TxnResponse | null
}

export interface WatchCreateRequest {
  readonly key: Uint8Array
  readonly rangeEnd: Uint8Array
  readonly startRevision: number
  readonly progressNotify: boolean
  readonly fragment: boolean
}

export interface WatchEvent {
  readonly type: 'PUT' | 'DELETE'
  readonly kv: KeyValue
}

export interface WatchResponse {
  readonly header: ResponseHeader
  readonly created: boolean
  readonly canceled: boolean
  /** Not 0: the watch asked for a revision that has been compacted; this is the oldest still there. */
  readonly compactRevision: string
  readonly cancelReason: string
  /** More parts of this response follow. */
  readonly fragment: boolean
  readonly events: readonly WatchEvent[]
}

export interface EtcdMemberInfo {
  readonly ID: string
  /** Empty until the member has started for the first time. */
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
  readonly isLearner: boolean
}

export interface StatusResponse {
  readonly header: ResponseHeader
  readonly version: string
  readonly dbSize: string
  readonly dbSizeInUse: string
  /** The leader's member identifier, '0' for none. */
  readonly leader: string
  readonly raftIndex: string
  readonly raftAppliedIndex: string
  /** Alarms among them: `memberID:... alarm:NOSPACE`. */
  readonly errors: readonly string[]
  readonly isLearner: boolean
  /** '0' from etcd before 3.6. */
  readonly dbSizeQuota: string
}

export interface AlarmMember {
  readonly memberID: string
  readonly alarm: 'NONE' | 'NOSPACE' | 'CORRUPT'
}

/** A revision or size as a number; etcd counts revisions from 1, so 2^53 is never reached. */
export function revisionOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error(`etcd sent ${text} where a revision or size belongs`)
  return value
}
