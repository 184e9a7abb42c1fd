import { KmipError } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import type { AttributeInstance, AttributeReference } from '../../spec/values.ts'
import type { Item } from '../ttlv/index.ts'
import type { AttributeDialect } from './dialect.ts'
import type { Field } from './field.ts'
import type { Fields, Reader } from './reader.ts'
import { legacyName, vendorName } from './vendor-names.ts'
import type { Writer } from './writer.ts'
import { wrongType } from './wrong-type.ts'

/*
 * Attributes as 1.x writes them (KMIP 1.4 §2.1.1, §2.1.8): Attribute { Attribute Name, Attribute Index, Attribute Value }, in a
 * Template-Attribute behind the names of Templates, or in a row.
 */

const tag = {
  attribute: tags.Attribute.tag,
  name: tags.AttributeName.tag,
  index: tags.AttributeIndex.tag,
  value: tags.AttributeValue.tag,
  templateName: tags.Name.tag,
} as const

export function readTemplate(reader: Reader, field: Field, item: Item, soFar: Fields): AttributeInstance[] {
  if (item.type !== 'Structure') return wrongType(item, 'Structure')
  const instances: AttributeInstance[] = []
  let templates: unknown[] | undefined
  for (const inner of item.value) {
    if (inner.tag === tag.attribute) {
      const instance = readAttribute(reader, inner)
      if (instance !== undefined) instances.push(instance)
    } else if (inner.tag === tag.templateName && instances.length === 0 && field.templates !== '') {
      if (inner.type !== 'Structure') return wrongType(inner, 'Structure')
      templates ??= []
      templates.push(reader.read(inner.value, reader.dialect.layout('Name')))
    } else if (inner.tag === tag.templateName || !reader.isLenient) {
      throw new KmipError('UnknownTag', `${field.label} holds names of Templates, then Attribute structures, and nothing else`)
    }
  }
  if (templates !== undefined) soFar[field.templates] = templates
  return instances
}

/** Undefined for an attribute that a lenient reader does not know. */
export function readAttribute(reader: Reader, item: Item): AttributeInstance | undefined {
  if (item.type !== 'Structure') return wrongType(item, 'Structure')
  const items = item.value
  const name = items[0]
  if (name === undefined || name.tag !== tag.name) throw malformed()
  if (name.type !== 'TextString') return wrongType(name, 'TextString')
  let index: number | undefined
  let at = 1
  const second = items[1]
  if (second !== undefined && second.tag === tag.index) {
    if (second.type !== 'Integer') return wrongType(second, 'Integer')
    if (second.value < 0) throw new KmipError('InvalidField', 'Attribute Index is below 0')
    index = second.value
    at = 2
  }
  const value = items[at]
  if (value === undefined || value.tag !== tag.value || items.length !== at + 1) throw malformed()
  const known = reader.dialect.attributesByWireName.get(name.value)
  if (known === undefined) return readVendorAttribute(reader, name.value, index, value)
  const read = reader.attributeValue(known, value)
  if (read === undefined) return undefined
  return (index === undefined ? { name: known.name, value: read } : { name: known.name, index, value: read }) as AttributeInstance
}

export function readReference(reader: Reader, item: Item): AttributeReference | undefined {
  if (item.type !== 'TextString') return wrongType(item, 'TextString')
  const known = reader.dialect.attributesByWireName.get(item.value)
  if (known !== undefined) return known.name
  const vendor = vendorName(item.value)
  if (vendor === undefined && !reader.isLenient) throw unknownName(reader)
  return vendor
}

/** `index` as it is written: a server leaves 0 out, as KMIP allows since 1.1 and its cases do in 1.0. Undefined when 1.x cannot say it. */
export function writeAttribute(writer: Writer, attributeTag: number, instance: AttributeInstance): Item | undefined {
  const items = instance.name === 'VendorAttribute' ? vendorItems(instance.value) : knownItems(writer, instance)
  if (items === undefined) return undefined
  const index = instance.index
  if (index !== undefined && (index !== 0 || writer.isRequest)) items.splice(1, 0, { tag: tag.index, type: 'Integer', value: index })
  return { tag: attributeTag, type: 'Structure', value: items }
}

export function writeTemplate(
  writer: Writer,
  field: Field,
  instances: readonly AttributeInstance[],
  templates: readonly Fields[] | undefined,
): Item {
  const items: Item[] = []
  for (const name of templates ?? []) {
    const item = writer.structure(tag.templateName, name, writer.dialect.layout('Name'))
    if (item !== undefined) items.push(item)
  }
  for (const instance of instances) {
    const item = writeAttribute(writer, tag.attribute, instance)
    if (item !== undefined) items.push(item)
    else writer.leaveOut(instance.name)
  }
  return { tag: field.tag, type: 'Structure', value: items }
}

export function writeReference(writer: Writer, field: Field, reference: AttributeReference): Item | undefined {
  const name =
    typeof reference === 'string'
      ? writer.dialect.attributesByName.get(reference)?.wireName
      : legacyName(reference.vendorIdentification, reference.attributeName)
  return name === undefined ? undefined : { tag: field.tag, type: 'TextString', value: name }
}

function readVendorAttribute(reader: Reader, name: string, index: number | undefined, attributeValue: Item): AttributeInstance | undefined {
  const vendor = vendorName(name)
  if (vendor === undefined) {
    if (reader.isLenient) return undefined
    throw unknownName(reader)
  }
  const value = { ...vendor, attributeValue }
  return index === undefined ? { name: 'VendorAttribute', value } : { name: 'VendorAttribute', index, value }
}

function vendorItems(value: Extract<AttributeInstance, { name: 'VendorAttribute' }>['value']): Item[] | undefined {
  const name = legacyName(value.vendorIdentification, value.attributeName)
  if (name === undefined) return undefined
  return [{ tag: tag.name, type: 'TextString', value: name }, value.attributeValue as Item]
}

function knownItems(writer: Writer, instance: AttributeInstance): Item[] | undefined {
  const known: AttributeDialect | undefined = writer.dialect.attributesByName.get(instance.name)
  if (known === undefined) return undefined
  const value = writer.value(known.value, tag.value, instance.value)
  return value === undefined ? undefined : [{ tag: tag.name, type: 'TextString', value: known.wireName }, value]
}

function malformed(): KmipError {
  return new KmipError(
    'InvalidMessage',
    'An Attribute holds an Attribute Name, an Attribute Index where needed, and an Attribute Value, in this order',
  )
}

function unknownName(reader: Reader): KmipError {
  return new KmipError(
    'UnsupportedAttribute',
    `An Attribute Name is not one of ${reader.dialect.label}: use the standard's spelling, or begin it with x- for an attribute of your own`,
  )
}
