import { type AttributeName, type AttributeRule, attributes, type ChangeRule } from '../../spec/attributes.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { residentAttribute } from '../../spec/tresor-extension.ts'
import type { AttributeInstance, AttributeReference } from '../../spec/values.ts'
import { referenceOf } from './attribute-set.ts'
import { stateAt } from './lifecycle.ts'
import type { ManagedObject, ObjectType } from './managed-object.ts'
import { sameValue } from './same-value.ts'

/** Vendor attributes of these Vendor Identifications (1.x: `y-name`, `x-Tresor::name`) are the server's (KMIP 2.1 §4.60). */
const serverVendors: ReadonlySet<string> = new Set(['y', residentAttribute.vendorIdentification])

/**
 * Whether a request that makes or registers an object of this type may carry these attributes.
 * @throws KmipError ReadOnlyAttribute, AttributeSingleValued, UnsupportedAttribute, InvalidAttributeValue.
 */
export function checkGiven(given: readonly AttributeInstance[], objectType: ObjectType): void {
  const seen = new Set<AttributeName>()
  for (const instance of given) {
    const rule: AttributeRule = attributes[instance.name]
    checkApplies(instance.name, objectType)
    if (rule.givenAtCreation !== true) checkClientSets(instance, 'ReadOnlyAttribute')
    if (rule.instances === 'one' && seen.has(instance.name)) throw singleValued(instance.name)
    seen.add(instance.name)
    if (instance.name === 'ObjectType' && instance.value !== objectType)
      throw new KmipError('InvalidAttributeValue', `The attribute ObjectType says ${instance.value}, the request ${objectType}.`)
  }
  const date = (name: 'ActivationDate' | 'DeactivationDate') => given.find((each) => each.name === name)?.value as number | undefined
  if (before(date('DeactivationDate'), date('ActivationDate')))
    throw new KmipError('InvalidAttributeValue', 'The Deactivation Date lies before the Activation Date.')
}

/** Add Attribute (KMIP 2.1 §6.1.2). @returns the instance with its Attribute Index. @throws KmipError with the reasons of the clause. */
export function addAttribute(object: ManagedObject, instance: AttributeInstance, now: number): AttributeInstance {
  const { name } = instance
  const rule: AttributeRule = attributes[name]
  if ((instance.index ?? 0) !== 0)
    throw new KmipError('InvalidField', 'A new attribute gets its Attribute Index from the server: leave it out.')
  checkApplies(name, object.objectType)
  checkClientSets(instance, 'ReadOnlyAttribute')
  if (rule.instances === 'one' && object.attributes.has(name)) throw singleValued(name)
  // An instance that is there already cannot be told from the new one by its value: 2.x has no other way to name it.
  if (rule.instances === 'many' && object.attributes.named(referenceOf(instance)).some(({ value }) => sameValue(value, instance.value)))
    throw new KmipError(
      name === 'Name' ? 'NonUniqueNameAttribute' : 'InvalidAttribute',
      `${object.uniqueIdentifier} has this ${name} already.`,
    )
  checkStateAllowsDate(object, name, now)
  checkValue(object, instance)
  const added = object.attributes.add(tidied(instance))
  return changed(object, added, now)
}

/**
 * Modify Attribute (KMIP 2.1 §6.1.34, KMIP 1.4 §4.15). `current` selects by value (2.x), the new instance's index selects in 1.x.
 * @throws KmipError with the reasons of the clause; WrongKeyLifecycleState where only some states allow it.
 */
export function modifyAttribute(
  object: ManagedObject,
  current: AttributeInstance | undefined,
  instance: AttributeInstance,
  now: number,
): AttributeInstance {
  const reference = referenceOf(instance)
  checkApplies(instance.name, object.objectType)
  checkClientChanges(instance)
  if (current !== undefined && current.name !== instance.name)
    throw new KmipError('InvalidAttribute', `The Current Attribute is a ${current.name}, the New Attribute a ${instance.name}.`)
  const old = selected(object, current === undefined ? reference : referenceOf(current), current?.value, instance.index)
  checkChange(object, instance.name, attributes[instance.name].modifiable, now, 'changed')
  checkValue(object, instance)
  return changed(object, object.attributes.replace(old, tidied(instance)), now)
}

/**
 * Delete Attribute (KMIP 2.1 §6.1.13, KMIP 1.4 §4.16): one instance, by its value or its index; without either all that the reference names.
 * @returns the instances that went.
 */
export function deleteAttribute(
  object: ManagedObject,
  which: {
    readonly current?: AttributeInstance | undefined
    readonly reference?: AttributeReference | undefined
    readonly index?: number | undefined
  },
  now: number,
): readonly AttributeInstance[] {
  const reference = which.current === undefined ? which.reference : referenceOf(which.current)
  if (reference === undefined) throw new KmipError('InvalidMessage', 'Delete Attribute names no attribute.')
  const name = typeof reference === 'string' ? reference : 'VendorAttribute'
  if (typeof reference !== 'string') checkVendor(reference.vendorIdentification, 'AttributeReadOnly')
  checkApplies(name, object.objectType)
  checkChange(object, name, attributes[name].deletable, now, 'deleted')
  const all = object.attributes.named(reference)
  if (all.length === 0) throw notFound(object, reference)
  const gone =
    which.current === undefined && which.index === undefined ? all : [selected(object, reference, which.current?.value, which.index)]
  for (const instance of gone) object.attributes.remove(instance)
  object.attributes.set('LastChangeDate', now)
  return gone
}

function selected(
  object: ManagedObject,
  reference: AttributeReference,
  value: AttributeInstance['value'] | undefined,
  index: number | undefined,
): AttributeInstance {
  const all = object.attributes.named(reference)
  const [first] = all
  if (first === undefined) throw notFound(object, reference)
  if (value !== undefined) {
    const found = all.find((each) => sameValue(each.value, value))
    if (found !== undefined) return found
    throw new KmipError('AttributeInstanceNotFound', `${object.uniqueIdentifier} has no ${text(reference)} of that value.`)
  }
  if (index !== undefined) {
    const found = all.find((each) => each.index === index)
    if (found !== undefined) return found
    throw new KmipError('AttributeInstanceNotFound', `${object.uniqueIdentifier} has no ${text(reference)} with Attribute Index ${index}.`)
  }
  if (all.length > 1)
    throw new KmipError(
      'MultiValuedAttribute',
      `${object.uniqueIdentifier} has ${all.length} instances of ${text(reference)}: say which by its current value.`,
    )
  return first
}

function checkApplies(name: AttributeName, objectType: ObjectType): void {
  const rule: AttributeRule = attributes[name]
  if (rule.objects !== undefined && !rule.objects.includes(objectType))
    throw new KmipError('UnsupportedAttribute', `${name} is not an attribute of a ${objectType}.`)
}

function checkClientSets(instance: AttributeInstance, reason: 'ReadOnlyAttribute' | 'AttributeReadOnly'): void {
  const rule: AttributeRule = attributes[instance.name]
  if (!rule.setBy.includes('client')) throw new KmipError(reason, `${instance.name} is set by the server alone.`)
  if (instance.name === 'VendorAttribute') checkVendor(instance.value.vendorIdentification, reason)
}

function checkClientChanges(instance: AttributeInstance): void {
  if (attributes[instance.name].modifiable === 'no')
    throw new KmipError('AttributeReadOnly', `${instance.name} cannot be changed by a client.`)
  if (instance.name === 'VendorAttribute') checkVendor(instance.value.vendorIdentification, 'AttributeReadOnly')
}

function checkVendor(vendor: string, reason: 'ReadOnlyAttribute' | 'AttributeReadOnly'): void {
  if (serverVendors.has(vendor)) throw new KmipError(reason, `Vendor attributes of ${vendor} are the server's.`)
}

function checkChange(object: ManagedObject, name: AttributeName, rule: ChangeRule, now: number, what: string): void {
  const state = stateAt(object, now)
  const refuse = (why: string) =>
    new KmipError('WrongKeyLifecycleState', `${name} of ${object.uniqueIdentifier} cannot be ${what}: ${why}.`)
  switch (rule) {
    case 'yes':
      return
    case 'no':
      throw new KmipError('AttributeReadOnly', `${name} cannot be ${what} by a client.`)
    case 'pre-active':
      if (state !== 'PreActive') throw refuse(`the object is ${state}`)
      return
    case 'pre-active-or-active':
      if (state !== 'PreActive' && state !== 'Active') throw refuse(`the object is ${state}`)
      return
    case 'before-reached': {
      const date = object.attributes.get(name)
      if (typeof date === 'number' && date <= now) throw refuse('the date has passed')
      if (state !== 'PreActive' && state !== 'Active') throw refuse(`the object is ${state}`)
      return
    }
    case 'before-allocation': {
      const limits = object.attributes.get('UsageLimits')
      if (limits?.count !== undefined && limits.count !== limits.total) throw refuse('some of it has been used')
      return
    }
  }
}

/** Dates that drive the state may be added only while they still can (KMIP 2.1 §4.1, §4.18, §4.40, §4.41). */
function checkStateAllowsDate(object: ManagedObject, name: AttributeName, now: number): void {
  const { modifiable } = attributes[name]
  if (modifiable !== 'yes' && modifiable !== 'no' && modifiable !== 'before-allocation') checkChange(object, name, modifiable, now, 'set')
}

/** What the attribute's own clause asks of its value. */
function checkValue(object: ManagedObject, instance: AttributeInstance): void {
  const { attributes: held } = object
  if (instance.name === 'Sensitive' && !instance.value && held.get('Sensitive') === true)
    throw new KmipError('InvalidAttributeValue', 'A sensitive object stays sensitive: its key is bound to that.')
  if (instance.name === 'Extractable' && instance.value && held.get('Extractable') === false)
    throw new KmipError('InvalidAttributeValue', 'An object that is not extractable stays so: its key is bound to that.')
  if (instance.name === 'DeactivationDate' && before(instance.value, held.get('ActivationDate')))
    throw new KmipError('InvalidAttributeValue', 'The Deactivation Date lies before the Activation Date.')
  if (instance.name === 'ActivationDate' && before(held.get('DeactivationDate'), instance.value))
    throw new KmipError('InvalidAttributeValue', 'The Activation Date lies after the Deactivation Date.')
}

function before(date: number | undefined, limit: number | undefined): boolean {
  return date !== undefined && limit !== undefined && date < limit
}

/** A client never sets the Count of Usage Limits (KMIP 2.1 §4.59). */
function tidied(instance: AttributeInstance): AttributeInstance {
  if (instance.name !== 'UsageLimits') return instance
  return { ...instance, value: { ...instance.value, count: instance.value.total } }
}

function changed(object: ManagedObject, instance: AttributeInstance, now: number): AttributeInstance {
  object.attributes.set('LastChangeDate', now)
  return instance
}

function singleValued(name: AttributeName): KmipError {
  return new KmipError('AttributeSingleValued', `${name} has one value at most, and the object has one.`)
}

function notFound(object: ManagedObject, reference: AttributeReference): KmipError {
  return new KmipError('AttributeNotFound', `${object.uniqueIdentifier} has no attribute ${text(reference)}.`)
}

function text(reference: AttributeReference): string {
  return typeof reference === 'string' ? reference : `${reference.vendorIdentification}-${reference.attributeName}`
}
