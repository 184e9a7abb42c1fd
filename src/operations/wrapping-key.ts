import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { StructureValue } from '../../spec/values.ts'
import { assertUsable, isLimited, type ManagedObject } from '../objects/index.ts'
import type { KeyReference, WrapMechanism } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { countUse, keyInUse } from './key-use.ts'
import { ivLength, type Parameters, wrapMechanism } from './mechanisms.ts'

type KeyInformation = StructureValue<'EncryptionKeyInformation'>

/** A managed key ready to wrap another one. */
export interface WrappingKey {
  readonly reference: KeyReference
  readonly mechanism: WrapMechanism
  /** The IV made for this wrapping, which the answer must carry. */
  readonly iv: Uint8Array | undefined
}

/**
 * The key that a Key Wrapping Specification names (KMIP 2.1 §7.18).
 * @throws KmipError WrappingObjectNotFound, WrappingObjectDestroyed, BadCryptographicParameters, and as `assertUsable`.
 */
export async function wrappingKey(context: Context, information: KeyInformation): Promise<WrappingKey> {
  const object = await openWrapping(context, information)
  const { type, reference } = keyInUse(context, object, 'WrapKey')
  const parameters = agreedParameters(object, information.cryptographicParameters)
  const missing = ivLength(type, parameters)
  const iv = missing === 0 ? undefined : await context.partition.random(missing)
  const mechanism = wrapMechanism(type, parameters, iv)
  if (isLimited(object, 'WrapKey')) await countUse(context, object, 'WrapKey', 0)
  return { reference, mechanism, iv }
}

/**
 * The key that a registered value was wrapped with, to unwrap it here; undefined when the tenant has no such key that may be used so.
 * A mask of Wrap Key alone will do: the official cases TC-WRAP-2 and TC-WRAP-3 register their keys with it.
 */
export async function unwrappingKey(
  context: Context,
  data: StructureValue<'KeyWrappingData'>,
): Promise<Omit<WrappingKey, 'iv'> | undefined> {
  const information = data.encryptionKeyInformation
  if (data.wrappingMethod !== 'Encrypt' || information === undefined) return undefined
  try {
    const object = await openWrapping(context, information)
    const use = mayUse(object, context.now, 'UnwrapKey') ? 'UnwrapKey' : 'WrapKey'
    const { type, reference } = keyInUse(context, object, use)
    const parameters = information.cryptographicParameters ?? object.attributes.get('CryptographicParameters') ?? {}
    return { reference, mechanism: wrapMechanism(type, parameters, data.ivCounterNonce) }
  } catch (error) {
    if (error instanceof KmipError && keptWrappedFor.has(error.reason)) return undefined
    throw error
  }
}

/** The value is then kept as it came: its client may hold the key, or register it later. */
const keptWrappedFor: ReadonlySet<EnumerationValue<'ResultReason'>> = new Set([
  'WrappingObjectNotFound',
  'WrappingObjectDestroyed',
  'KeyValueNotPresent',
  'WrongKeyLifecycleState',
  'IncompatibleCryptographicUsageMask',
  'InvalidObjectType',
])

function mayUse(object: ManagedObject, now: number, use: 'UnwrapKey'): boolean {
  try {
    assertUsable(object, now, use)
    return true
  } catch {
    return false
  }
}

async function openWrapping(context: Context, information: KeyInformation): Promise<ManagedObject> {
  try {
    return await context.objects.openLiving(information.uniqueIdentifier)
  } catch (error) {
    if (!(error instanceof KmipError)) throw error
    if (error.reason === 'ObjectNotFound')
      throw new KmipError('WrappingObjectNotFound', `There is no wrapping key ${String(information.uniqueIdentifier)}.`)
    if (error.reason === 'ObjectDestroyed')
      throw new KmipError('WrappingObjectDestroyed', `The wrapping key ${String(information.uniqueIdentifier)} is destroyed.`)
    throw error
  }
}

/**
 * KMIP 2.1 §7.18: parameters must match one instance of the wrapping key's own. A key without any leaves the choice to the request,
 * since clients of old versions make keys without.
 */
function agreedParameters(object: ManagedObject, wanted: Parameters | undefined): Parameters {
  const own = object.attributes.all('CryptographicParameters').map(({ value }) => value)
  const [first] = own
  if (wanted === undefined) {
    if (first !== undefined) return first
    throw new KmipError(
      'BadCryptographicParameters',
      `Neither the request nor the wrapping key ${object.uniqueIdentifier} says how to wrap. Give Cryptographic Parameters with Block Cipher Mode NISTKeyWrap.`,
    )
  }
  if (first === undefined || own.some((each) => includes(each, wanted))) return wanted
  throw new KmipError(
    'BadCryptographicParameters',
    `The Cryptographic Parameters match none of the wrapping key ${object.uniqueIdentifier}'s own.`,
  )
}

function includes(own: Parameters, wanted: Parameters): boolean {
  return (Object.keys(wanted) as (keyof Parameters)[]).every((field) => {
    const [left, right] = [own[field], wanted[field]]
    if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0
    return right === undefined || left === right
  })
}
