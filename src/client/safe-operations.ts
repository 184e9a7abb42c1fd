import type { OperationName } from '../../spec/operations.ts'
import { isRepeatable } from '../../spec/tresor-extension.ts'
import type { RequestItem } from '../messages/index.ts'
import type { Request } from './delivery.ts'

/**
 * Operations that may be sent again when the answer was lost. They change no object; a use of a key that has Usage Limits
 * may then count twice, which is on the safe side of the limit. Everything else may have happened: the caller must look.
 */
const safeOperations: ReadonlySet<OperationName> = new Set<OperationName>([
  'Decrypt',
  'DiscoverVersions',
  'Encrypt',
  'Get',
  'GetAttributeList',
  'GetAttributes',
  'Hash',
  'Locate',
  'MAC',
  'MACVerify',
  'Query',
  'RNGRetrieve',
  'Sign',
  'SignatureVerify',
])

/** Fields of an operation in parts: one node holds what came so far, and a part that came twice would count twice. */
const partFields = ['correlationValue', 'initIndicator', 'finalIndicator'] as const

/** What a second sending of these items does. */
export function repeatOf(items: readonly RequestItem[]): Request['repeat'] {
  let repeat: Request['repeat'] = 'changes-nothing'
  for (const { operation, payload, idempotencyKey } of items) {
    if (isRepeatable(operation) && idempotencyKey !== undefined) repeat = 'answers-the-same'
    else if (!safeOperations.has(operation) || partFields.some((field) => field in payload)) return 'may-change-twice'
  }
  return repeat
}
