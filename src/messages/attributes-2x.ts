import { KmipError } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import type { AttributeInstance, AttributeReference } from '../../spec/values.ts'
import { type Item, tagLabel } from '../ttlv/index.ts'
import type { Field } from './field.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'
import { wrongType } from './wrong-type.ts'

/* Attributes as 2.x writes them (KMIP 2.1 §4, §5): each an element under its own tag; named by that tag, or by vendor and name. */

const vendorTag = tags.VendorIdentification.tag
const nameTag = tags.AttributeName.tag

export function readAttributes(reader: Reader, item: Item): AttributeInstance[] {
  if (item.type !== 'Structure') return wrongType(item, 'Structure')
  const instances: AttributeInstance[] = []
  const items = item.value
  for (let index = 0; index < items.length; index++) {
    const instance = readAttribute(reader, items[index] as Item)
    if (instance !== undefined) instances.push(instance)
  }
  return instances
}

export function readOneAttribute(reader: Reader, item: Item): AttributeInstance {
  const instances = readAttributes(reader, item)
  const [instance] = instances
  if (instance === undefined || instances.length > 1) {
    throw new KmipError('InvalidMessage', `${tagLabel(item.tag)} holds one attribute, here are ${instances.length}`)
  }
  return instance
}

export function readReference(reader: Reader, item: Item): AttributeReference | undefined {
  if (item.type === 'Enumeration') {
    const known = reader.dialect.attributesByTag.get(item.value)
    if (known !== undefined) return known.name
    if (reader.isLenient) return undefined
    throw unsupported(reader, item.value)
  }
  if (item.type !== 'Structure') return wrongType(item, 'Enumeration or Structure')
  const [vendor, name] = item.value
  if (vendor?.tag !== vendorTag || name?.tag !== nameTag || item.value.length !== 2) {
    throw new KmipError('InvalidMessage', 'An Attribute Reference that is a structure holds a Vendor Identification and an Attribute Name')
  }
  if (vendor.type !== 'TextString') return wrongType(vendor, 'TextString')
  if (name.type !== 'TextString') return wrongType(name, 'TextString')
  return { vendorIdentification: vendor.value, attributeName: name.value }
}

export function writeAttributes(writer: Writer, tag: number, instances: readonly AttributeInstance[]): Item {
  const items: Item[] = []
  for (const instance of instances) {
    const item = writeAttribute(writer, instance)
    if (item !== undefined) items.push(item)
    else writer.leaveOut(instance.name)
  }
  return { tag, type: 'Structure', value: items }
}

/** Undefined when the version does not know the attribute or its value. */
export function writeAttribute(writer: Writer, instance: AttributeInstance): Item | undefined {
  const known = writer.dialect.attributesByName.get(instance.name)
  return known === undefined ? undefined : writer.value(known.value, known.tag, instance.value)
}

export function writeReference(writer: Writer, field: Field, reference: AttributeReference): Item | undefined {
  if (typeof reference === 'string') {
    const known = writer.dialect.attributesByName.get(reference)
    return known === undefined ? undefined : { tag: field.tag, type: 'Enumeration', value: known.tag }
  }
  return {
    tag: field.tag,
    type: 'Structure',
    value: [
      { tag: vendorTag, type: 'TextString', value: reference.vendorIdentification },
      { tag: nameTag, type: 'TextString', value: reference.attributeName },
    ],
  }
}

/** Undefined for an attribute that a lenient reader does not know. */
export function readAttribute(reader: Reader, item: Item): AttributeInstance | undefined {
  const known = reader.dialect.attributesByTag.get(item.tag)
  if (known === undefined) {
    if (reader.isLenient) return undefined
    throw unsupported(reader, item.tag)
  }
  const value = reader.attributeValue(known, item)
  return value === undefined ? undefined : ({ name: known.name, value } as AttributeInstance)
}

function unsupported(reader: Reader, tag: number): KmipError {
  return new KmipError('UnsupportedAttribute', `${tagLabel(tag)} is no attribute that this server knows in ${reader.dialect.label}`)
}
