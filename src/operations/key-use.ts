import { KmipError } from '../../spec/kmip-error.ts'
import type { Identifier } from '../../spec/values.ts'
import { assertUsable, consumeUsage, type KeyType, type ManagedObject, type Use } from '../objects/index.ts'
import type { KeyReference } from '../partitions/partition.ts'
import { checkAllowed } from './allowed.ts'
import type { Context } from './context.ts'
import type { Parameters } from './mechanisms.ts'
import { keyReference } from './object-store.ts'

/** A key that may be used now, ready for its partition. */
export interface KeyInUse {
  readonly object: ManagedObject
  readonly type: KeyType
  readonly reference: KeyReference
}

/**
 * Opens a key for a use that its state, dates and mask allow.
 * @throws KmipError as `assertUsable`; ObjectNotFound; InvalidObjectType for a value that is no key; KeyValueNotPresent for one that is kept wrapped.
 */
export async function openKey(context: Context, identifier: Identifier | undefined, use: Use): Promise<KeyInUse> {
  const object = await context.objects.open(identifier)
  return keyInUse(context, object, use)
}

export function keyInUse(context: Pick<Context, 'now' | 'policy'>, object: ManagedObject, use: Use): KeyInUse {
  const { type, kind } = assertUsable(object, context.now, use)
  checkAllowed(context, type)
  if (type !== undefined && kind !== 'data') return { object, type, reference: keyReference(object) }
  const { uniqueIdentifier, objectType, form } = object
  if (form.keyWrappingData !== undefined)
    throw new KmipError(
      'KeyValueNotPresent',
      `${uniqueIdentifier} was registered wrapped under a key that is not here, and is kept so. Register it under a key of this server to use it.`,
    )
  throw new KmipError(
    'InvalidObjectType',
    `${uniqueIdentifier}, a ${objectType}, is kept and given back; no cryptographic operation works with it.`,
  )
}

/** Takes a use off the Usage Limits, before the key is used (KMIP 2.1 §6.1.17). @throws KmipError PermissionDenied. */
export async function countUse(context: Context, object: ManagedObject, use: Use, bytes: number): Promise<void> {
  consumeUsage(object, use, bytes)
  await context.objects.save(object)
}

/** The request's parameters, or else the first that the key itself has (KMIP 2.1 §4.16). */
export function parametersFor(given: Parameters | undefined, object: ManagedObject): Parameters {
  return given ?? object.attributes.get('CryptographicParameters') ?? none
}

const none: Parameters = {}

/** @throws KmipError InvalidMessage when the field is missing; empty data is data. */
export function required<T>(name: string, value: T | undefined): T {
  if (value !== undefined) return value
  throw new KmipError('InvalidMessage', `The request has no ${name}.`)
}
