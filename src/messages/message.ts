import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload, ResponsePayload, StructureValue } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import type { RequestExtension } from './tresor-extension.ts'

/** The header of a request, defaults filled in (KMIP 2.1 §8.2, KMIP 1.4 §6). */
export interface RequestHeader {
  readonly version: Version
  /** Bytes that the whole answer may have. */
  readonly maximumResponseSize?: number | undefined
  readonly clientCorrelationValue?: string | undefined
  readonly serverCorrelationValue?: string | undefined
  readonly asynchronousIndicator: EnumerationValue<'AsynchronousIndicator'>
  readonly credentials: readonly StructureValue<'Credential'>[]
  readonly batchErrorContinuation: EnumerationValue<'BatchErrorContinuationOption'>
  readonly timeStamp?: number | undefined
}

/** One Batch Item. `error` stands in place of a payload that could not be read: only that item fails (KMIP 1.4 §11.1). */
export type RequestItem = {
  [O in OperationName]: {
    readonly operation: O
    readonly uniqueBatchItemId?: Uint8Array | undefined
    readonly payload: RequestPayload<O>
  }
}[OperationName] &
  RequestExtension & {
    /** SHA-256 of Operation and Request Payload in their binary form; there when an Idempotency Key came. */
    readonly digest?: Uint8Array | undefined
  }

export interface UnreadableItem {
  /** The number of the operation as it came, to be echoed, where there was one. */
  readonly operationValue?: number | undefined
  readonly uniqueBatchItemId?: Uint8Array | undefined
  readonly error: KmipError
}

export interface RequestMessage {
  readonly header: RequestHeader
  readonly items: readonly (RequestItem | UnreadableItem)[]
}

export type ResponseItem =
  | {
      [O in OperationName]: {
        readonly operation: O
        readonly uniqueBatchItemId?: Uint8Array | undefined
        /** OperationUndone keeps its payload (KMIP 2.1 profile case BL-M-2). */
        readonly status: 'Success' | 'OperationUndone'
        readonly payload: ResponsePayload<O>
      }
    }[OperationName]
  | PendingItem
  | FailedItem

/** What a request that was to be answered at once is answered. */
export type AnsweredItem = Exclude<ResponseItem, PendingItem>

/** The answer comes later, to a Poll with this value (KMIP 2.1 §9.1). */
export interface PendingItem {
  readonly operation: OperationName
  readonly uniqueBatchItemId?: Uint8Array | undefined
  readonly status: 'OperationPending'
  readonly asynchronousCorrelationValue: Uint8Array
}

export interface FailedItem {
  /** Whether the answer says how to try again, as the request wanted. */
  readonly wantsRetry?: boolean | undefined
  readonly operation?: OperationName | undefined
  readonly operationValue?: number | undefined
  readonly uniqueBatchItemId?: Uint8Array | undefined
  readonly status: 'OperationFailed'
  readonly error: KmipError
}

export interface ResponseMessage {
  readonly version: Version
  /** Seconds since 1970. */
  readonly timeStamp: number
  readonly clientCorrelationValue?: string | undefined
  readonly serverCorrelationValue?: string | undefined
  readonly items: readonly ResponseItem[]
}
