import { type MaskBit, masks } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { stateAt } from './lifecycle.ts'
import type { ManagedObject, State } from './managed-object.ts'
import type { WrappedKey } from './wrapped-key.ts'

/** What a key is used for, by the names of the Cryptographic Usage Mask. */
export type Use = MaskBit<'CryptographicUsageMask'>

/** Uses that protect new data. They need an Active key and end at Protect Stop Date; the others process what was protected before. */
const protecting: ReadonlySet<Use> = new Set<Use>([
  'Encrypt',
  'Sign',
  'MACGenerate',
  'WrapKey',
  'DeriveKey',
  'KeyAgreement',
  'CertificateSign',
  'CRLSign',
  'GenerateCryptogram',
  'FPEEncrypt',
])

/** States in which what was protected before may still be processed (KMIP 2.1 §4.57). */
const processingStates: ReadonlySet<State> = new Set<State>(['Active', 'Deactivated', 'Compromised'])

/**
 * The wrapped key, for a use that state, dates and mask allow at `now` (KMIP 2.1 §4.57, §4.40, §4.41, §4.17).
 * @throws KmipError ObjectDestroyed, KeyValueNotPresent, WrongKeyLifecycleState (state or dates), IncompatibleCryptographicUsageMask.
 */
export function assertUsable(object: ManagedObject, now: number, use: Use): WrappedKey {
  const { uniqueIdentifier, attributes, key } = object
  if (object.isDestroyed) throw new KmipError('ObjectDestroyed', `${uniqueIdentifier} is destroyed.`)
  if (key === undefined) throw new KmipError('KeyValueNotPresent', `${uniqueIdentifier} has no key value here, only attributes.`)
  assertState(object, now, use)
  const mask = attributes.get('CryptographicUsageMask') ?? 0
  if ((mask & masks.CryptographicUsageMask[use].value) === 0)
    throw new KmipError(
      'IncompatibleCryptographicUsageMask',
      `${uniqueIdentifier} may not be used for ${use}: its Cryptographic Usage Mask lacks it.`,
    )
  return key
}

function assertState(object: ManagedObject, now: number, use: Use): void {
  const { uniqueIdentifier, attributes } = object
  const state = stateAt(object, now)
  const isProtecting = protecting.has(use)
  if (isProtecting ? state !== 'Active' : !processingStates.has(state))
    throw new KmipError('WrongKeyLifecycleState', `${uniqueIdentifier} is ${state}: ${use} needs an Active key.`)
  const start = attributes.get('ProcessStartDate')
  const stop = attributes.get('ProtectStopDate')
  if (!isProtecting && start !== undefined && now < start)
    throw new KmipError('WrongKeyLifecycleState', `${uniqueIdentifier} may not be used for ${use} before its Process Start Date.`)
  if (isProtecting && stop !== undefined && now > stop)
    throw new KmipError('WrongKeyLifecycleState', `${uniqueIdentifier} may not be used for ${use} after its Protect Stop Date.`)
}

/** Whether a use counts against Usage Limits, so that the object must be saved after it. */
export function isLimited(object: ManagedObject, use: Use): boolean {
  return protecting.has(use) && object.attributes.has('UsageLimits')
}

/**
 * Takes one use off the Usage Limits, if there are any and the use protects (KMIP 2.1 §4.59). `bytes` is the length of the data.
 * @throws KmipError PermissionDenied when too little is left; nothing is taken then.
 */
export function consumeUsage(object: ManagedObject, use: Use, bytes: number): void {
  const limits = object.attributes.get('UsageLimits')
  if (limits === undefined || !protecting.has(use)) return
  const left = limits.count ?? limits.total
  const amount = limits.unit === 'Byte' ? BigInt(bytes) : 1n
  if (left < amount)
    throw new KmipError(
      'PermissionDenied',
      `${object.uniqueIdentifier} has ${left} of its Usage Limits left (${limits.unit}); this use needs ${amount}.`,
    )
  object.attributes.set('UsageLimits', { ...limits, count: left - amount })
}
