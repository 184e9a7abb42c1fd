import type { OperationName } from '../../spec/operations.ts'

/**
 * Operations that may be sent again when the answer was lost. They change no object; a use of a key that has Usage Limits
 * may then count twice, which is on the safe side of the limit. Everything else may have happened: the caller must look.
 */
export const safeOperations: ReadonlySet<OperationName> = new Set<OperationName>([
  'Decrypt',
  'DiscoverVersions',
  'Encrypt',
  'Get',
  'GetAttributeList',
  'GetAttributes',
  'Hash',
  'Locate',
  'MAC',
  'Query',
  'RNGRetrieve',
  'Sign',
  'SignatureVerify',
])
