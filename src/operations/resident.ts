import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { askedResidence, isResident, type KeyPolicy, type KeyType, type WrappedKey } from '../objects/index.ts'
import type { NewKey } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { givenValue } from './given-attributes.ts'
import { usualResidentRule } from './resident-rule.ts'

/** The policy of a key that stays inside. */
export const residentPolicy = { sensitive: true, extractable: false } as const

/**
 * Whether the key that these attributes ask for is to stay in its device, by the request or by the tenant's rule.
 * @throws KmipError PermissionDenied against the rule; OperationNotSupported where the partition has none; ServerLimitExceeded; InvalidAttributeValue
 *   for attributes that such a key cannot have
 */
export function staysInside({ policy, partition, objects }: Context, given: readonly AttributeInstance[]): boolean {
  const { keys, most, obstacle } = policy.resident ?? usualResidentRule
  const asked = askedResidence(given)
  if (asked === false && keys === 'required')
    throw new KmipError('PermissionDenied', 'Keys of this tenant are resident: leave the attribute Resident out, or give true.')
  if (asked !== true && keys !== 'required') return false
  if (keys === 'refused') throw new KmipError('PermissionDenied', 'This tenant may have no resident keys (tresor tenant set --resident).')
  if (obstacle !== undefined) throw new KmipError('OperationNotSupported', obstacle)
  if (partition.generateResident === undefined)
    throw new KmipError('OperationNotSupported', 'Resident keys are objects of a token, and the partition of this tenant is in software.')
  if (givenValue(given, 'Sensitive') === false || givenValue(given, 'Extractable') === true)
    throw new KmipError('InvalidAttributeValue', 'A resident key is Sensitive and never Extractable: leave these attributes out.')
  const { total } = objects.find({ attributes: [isResident], onLine: true, destroyed: false, offset: 0, limit: 0 })
  if (total >= most)
    throw new KmipError(
      'ServerLimitExceeded',
      `This tenant has ${total} resident keys, and may have ${most} (tresor tenant set --resident-keys). Destroy some.`,
    )
  return true
}

/** The one name that a resident key has in its device: that of its object. */
export function insideName(uniqueIdentifier: string): Uint8Array {
  return Buffer.from(uniqueIdentifier.replaceAll('-', ''), 'hex')
}

/** A key made for an object, inside for good or wrapped outside; with its digest where it came with one. */
export async function makeKey(
  context: Context,
  inside: boolean,
  type: KeyType,
  uniqueIdentifier: string,
  policy: KeyPolicy,
): Promise<WrappedKey & Partial<Pick<NewKey, 'digest'>>> {
  if (!inside) return context.partition.generateKey(type, policy)
  return context.partition.generateResident!(type, insideName(uniqueIdentifier))
}

/** Runs what brings a resident key's object into being; if it fails, the key goes at once. */
export async function orDestroyed<T>(context: Context, inside: boolean, uniqueIdentifier: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    // What cannot be destroyed now is collected later.
    if (inside) await context.partition.destroyResident!(insideName(uniqueIdentifier)).catch(() => undefined)
    throw error
  }
}
