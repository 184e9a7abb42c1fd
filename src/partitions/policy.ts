import { KmipError } from '../../spec/kmip-error.ts'
import type { KeyPolicy } from './partition.ts'

/** May the key leave wrapped under another managed key? @throws KmipError NotExtractable. */
export function checkExtractable(policy: KeyPolicy): void {
  if (!policy.extractable) throw new KmipError('NotExtractable', 'The key is not extractable: its value never leaves its partition.')
}

/** May the plain value leave? @throws KmipError NotExtractable, Sensitive. */
export function checkRevealable(policy: KeyPolicy): void {
  checkExtractable(policy)
  if (policy.sensitive)
    throw new KmipError('Sensitive', 'The key is sensitive: its value leaves its partition only wrapped under another key.')
}
