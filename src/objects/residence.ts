import { KmipError } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import { residentAttribute } from '../../spec/tresor-extension.ts'
import type { AttributeInstance } from '../../spec/values.ts'

/** What keys have that stay in their device for good. */
export const isResident: AttributeInstance = {
  name: 'VendorAttribute',
  value: { ...residentAttribute, attributeValue: { tag: tags.AttributeValue.tag, type: 'Boolean', value: true } },
}

/** What a request says of where the key is to be: undefined when nothing. @throws KmipError InvalidAttributeValue for what is no Boolean. */
export function askedResidence(given: readonly AttributeInstance[]): boolean | undefined {
  const asked = given.find(isResidence)
  if (asked?.name !== 'VendorAttribute') return undefined
  const { type, value } = asked.value.attributeValue
  if (type === 'Boolean' && typeof value === 'boolean') return value
  throw new KmipError('InvalidAttributeValue', `The attribute Resident of vendor ${residentAttribute.vendorIdentification} is a Boolean.`)
}

/** The attributes without what is said of residence. */
export function withoutResidence(given: readonly AttributeInstance[]): readonly AttributeInstance[] {
  return given.some(isResidence) ? given.filter((instance) => !isResidence(instance)) : given
}

function isResidence({ name, value }: AttributeInstance): boolean {
  return (
    name === 'VendorAttribute' &&
    value.vendorIdentification === residentAttribute.vendorIdentification &&
    value.attributeName === residentAttribute.attributeName
  )
}
