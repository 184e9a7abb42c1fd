import { KmipError } from '../../spec/kmip-error.ts'
import { type ManagedObject, policyOf } from '../objects/index.ts'

/** @throws KmipError NotExtractable, Sensitive: the value leaves neither plain nor, if not extractable, wrapped (KMIP 2.1 §4.24, §4.54). */
export function checkLeaves(object: ManagedObject, form: 'plain' | 'wrapped' = 'plain'): void {
  const { sensitive, extractable } = policyOf(object)
  if (!extractable)
    throw new KmipError('NotExtractable', `${object.uniqueIdentifier} is not extractable: its value never leaves its partition.`)
  if (sensitive && form === 'plain')
    throw new KmipError(
      'Sensitive',
      `${object.uniqueIdentifier} is sensitive: its value leaves only wrapped. Ask for it with a Key Wrapping Specification.`,
    )
}
