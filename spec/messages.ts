import type { StructureRow } from './structures.ts'

/** The headers and Batch Items around the payloads (KMIP 2.1 §8, KMIP 1.4 §7): fields in the order in which they stand on the wire. */

/** What follows the Protocol Version, which is read first because it decides how the rest is read. */
export const requestHeader = {
  maximumResponseSize: { tag: 'MaximumResponseSize', count: '?' },
  clientCorrelationValue: { tag: 'ClientCorrelationValue', count: '?', since: '1.4' },
  serverCorrelationValue: { tag: 'ServerCorrelationValue', count: '?', since: '1.4' },
  /** 1.x: whether the answer may come later. */
  mayBeAsynchronous: { tag: 'AsynchronousIndicator', count: '?', until: '1.4' },
  asynchronousIndicator: { tag: 'AsynchronousIndicator', type: 'Enumeration', count: '?', since: '2.0' },
  attestationCapableIndicator: { tag: 'AttestationCapableIndicator', count: '?', since: '1.2' },
  attestationTypes: { tag: 'AttestationType', count: '*', since: '1.2' },
  authentication: { tag: 'Authentication', count: '?' },
  batchErrorContinuation: { tag: 'BatchErrorContinuationOption', count: '?' },
  batchOrder: { tag: 'BatchOrderOption', count: '?' },
  timeStamp: { tag: 'TimeStamp', count: '?' },
  batchCount: { tag: 'BatchCount', count: '1' },
} as const satisfies StructureRow

/** What follows the Operation, which is read first so that a failure can echo it. */
export const requestBatchItem = {
  ephemeral: { tag: 'Ephemeral', type: 'Boolean', count: '?', since: '2.0' },
  uniqueBatchItemId: { tag: 'UniqueBatchItemID', count: '?' },
  payload: { tag: 'RequestPayload', count: '1' },
  messageExtensions: { tag: 'MessageExtension', count: '*' },
} as const satisfies StructureRow

/** What follows the Protocol Version. */
export const responseHeader = {
  timeStamp: { tag: 'TimeStamp', count: '1' },
  nonce: { tag: 'Nonce', count: '?', since: '1.2' },
  serverHashedPassword: { tag: 'ServerHashedPassword', count: '?', since: '2.0' },
  attestationTypes: { tag: 'AttestationType', count: '*', since: '1.2' },
  clientCorrelationValue: { tag: 'ClientCorrelationValue', count: '?', since: '1.4' },
  serverCorrelationValue: { tag: 'ServerCorrelationValue', count: '?', since: '1.4' },
  batchCount: { tag: 'BatchCount', count: '1' },
} as const satisfies StructureRow

/** What follows the Operation, which is absent where none could be read. */
export const responseBatchItem = {
  uniqueBatchItemId: { tag: 'UniqueBatchItemID', count: '?' },
  resultStatus: { tag: 'ResultStatus', count: '1' },
  resultReason: { tag: 'ResultReason', count: '?' },
  resultMessage: { tag: 'ResultMessage', count: '?' },
  asynchronousCorrelationValue: { tag: 'AsynchronousCorrelationValue', count: '?' },
  payload: { tag: 'ResponsePayload', count: '?' },
  messageExtensions: { tag: 'MessageExtension', count: '*' },
} as const satisfies StructureRow
