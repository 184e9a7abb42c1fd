import type { AttributeInstance, StructureValue } from '../../spec/values.ts'
import { checkGiven } from './attribute-rules.ts'
import { AttributeSet } from './attribute-set.ts'
import { advance } from './lifecycle.ts'
import { ManagedObject, type ObjectType } from './managed-object.ts'
import type { ObjectForm } from './object-form.ts'
import { isResident } from './residence.ts'
import { shortIdentifierOf } from './short-identifier.ts'
import { type KeyPolicy, residentName, type WrappedKey } from './wrapped-key.ts'

export interface NewObject {
  /** A UUID, new. */
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  /** Seconds since 1970. */
  readonly now: number
  /** What the request asked for; see {@link checkGiven}. */
  readonly given: readonly AttributeInstance[]
  readonly form: ObjectForm
  readonly key: WrappedKey | undefined
  /** Digests of the value (KMIP 2.1 §4.21); SHA-256 first. */
  readonly digests: readonly StructureValue<'Digest'>[]
  /** Attributes that the server reads off the value: algorithm, length, domain parameters, a certificate's names. They win over what was given. */
  readonly found?: readonly AttributeInstance[]
  /** Set for what the server generated: Original Creation Date and the generator. */
  readonly generatedBy?: StructureValue<'RNGParameters'> | undefined
  readonly protectionStorageMask: number
  /** For what has no key to hold a policy: Opaque Objects, certificates, Templates, values that lie elsewhere. */
  readonly policy: KeyPolicy
}

/** How long a lease is that Obtain Lease would give, in seconds: the value of Lease Time, which is there on every object (KMIP 2.1 §4.30). */
const leaseSeconds = 3600

/**
 * A Managed Object as it is on creation or registration: what the client gave, and every attribute that the standard has the server set
 * (KMIP 2.1 §4). The dates may make it Active or Deactivated at once (§4.57).
 * @throws KmipError ReadOnlyAttribute, InvalidAttribute, InvalidAttributeValue, AttributeSingleValued for what may not be given.
 */
export function newObject(facts: NewObject): ManagedObject {
  const { uniqueIdentifier, objectType, now, key } = facts
  checkGiven(facts.given, objectType)
  const attributes = new AttributeSet()
  attributes.set('UniqueIdentifier', uniqueIdentifier)
  attributes.set('ObjectType', objectType)
  for (const instance of facts.given) attributes.add(instance)
  if (key !== undefined && residentName(key) !== undefined) attributes.add(isResident)
  for (const name of new Set((facts.found ?? []).map((instance) => instance.name))) attributes.delete(name)
  for (const instance of facts.found ?? []) attributes.add(instance)
  attributes.set('InitialDate', now)
  attributes.set('LastChangeDate', now)
  if (facts.generatedBy !== undefined) {
    attributes.set('OriginalCreationDate', now)
    attributes.set('RandomNumberGenerator', facts.generatedBy)
  }
  if (objectType !== 'Template') setForObjects(attributes, facts)
  const object = new ManagedObject({ uniqueIdentifier, objectType, attributes, form: facts.form, key })
  advance(object, now)
  return object
}

function setForObjects(attributes: AttributeSet, facts: NewObject): void {
  const { policy } = facts
  attributes.set('State', 'PreActive')
  attributes.set('LeaseTime', leaseSeconds)
  attributes.set('Fresh', attributes.get('Fresh') ?? true)
  attributes.set('Sensitive', policy.sensitive)
  attributes.set('AlwaysSensitive', policy.sensitive)
  attributes.set('Extractable', policy.extractable)
  attributes.set('NeverExtractable', !policy.extractable)
  attributes.set('ShortUniqueIdentifier', shortIdentifierOf(facts.uniqueIdentifier))
  attributes.set('ProtectionStorageMask', facts.protectionStorageMask)
  attributes.delete('Digest')
  for (const value of facts.digests) attributes.add({ name: 'Digest', value })
  const { keyFormatType, certificateType, opaqueDataType } = facts.form
  if (keyFormatType !== undefined) attributes.set('KeyFormatType', keyFormatType)
  if (certificateType !== undefined) attributes.set('CertificateType', certificateType)
  if (opaqueDataType !== undefined) attributes.set('OpaqueDataType', opaqueDataType)
  if (attributes.has('KeyValueLocation') || facts.key === undefined) attributes.set('KeyValuePresent', facts.key !== undefined)
  const limits = attributes.get('UsageLimits')
  // A client never sets the Count (KMIP 2.1 §4.59): all of the Total is left at first.
  if (limits !== undefined) attributes.set('UsageLimits', { ...limits, count: limits.total })
}
