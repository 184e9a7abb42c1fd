import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, AttributeReference, Identifier, KeyBlock, Lease } from '../../spec/values.ts'
import type { Item } from '../ttlv/index.ts'
import * as attributesLegacy from './attributes-1x.ts'
import * as attributesModern from './attributes-2x.ts'
import type { Dialect } from './dialect.ts'
import { enumerationTable } from './enumeration-table.ts'
import { type Field, form, type Layout } from './field.ts'
import { writeKeyBlock } from './key-block-writer.ts'
import type { Fields } from './reader.ts'
import type { Writer } from './writer.ts'

/**
 * Writes the structures of one version. What the version has no words for, an attribute, a value of an enumeration, an optional field,
 * is left out of an answer, so that a client is never shown anything of a later version; in a request it is refused.
 */
export class StructureWriter implements Writer {
  readonly dialect: Dialect
  readonly isRequest: boolean

  constructor(dialect: Dialect, isRequest: boolean) {
    this.dialect = dialect
    this.isRequest = isRequest
  }

  structure(tag: number, value: Fields, layout: Layout): Item | undefined {
    const items = this.items(value, layout)
    return items === undefined ? undefined : { tag, type: 'Structure', value: items }
  }

  /** The items of {@link structure}, without their structure. */
  items(value: Fields, layout: Layout): Item[] | undefined {
    const items: Item[] = []
    const fields = layout.fields
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index] as Field
      const content = value[field.name]
      if (content === undefined) {
        if (field.form === form.template && value[field.templates] !== undefined) items.push(this.#template(field, value))
        else if (field.isRequired) throw new TypeError(`${layout.name}: ${field.name} is missing`)
      } else if (field.isRepeated) {
        for (const each of content as readonly unknown[]) {
          const item = this.value(field, field.tag, each)
          if (item !== undefined) items.push(item)
          else this.leaveOut(field.label)
        }
      } else {
        const item = field.form === form.template ? this.#template(field, value) : this.#single(field, content, value)
        if (item !== undefined) items.push(item)
        else if (field.isRequired) return undefined
        else this.leaveOut(field.label)
      }
    }
    return items
  }

  value(field: Field, tag: number, value: unknown): Item | undefined {
    switch (field.form) {
      case form.integer:
        return { tag, type: 'Integer', value: field.laterBits === 0 ? (value as number) : this.#mask(field, value as number) }
      case form.interval:
        return { tag, type: 'Interval', value: value as number }
      case form.longInteger:
        return { tag, type: 'LongInteger', value: value as bigint }
      case form.bigInteger:
        return { tag, type: 'BigInteger', value: value as Uint8Array }
      case form.enumeration: {
        const number = field.table?.numbers.get(value as string)
        return number === undefined ? undefined : { tag, type: 'Enumeration', value: number }
      }
      case form.enumerationNumber:
        return { tag, type: 'Enumeration', value: value as number }
      case form.boolean:
        return { tag, type: 'Boolean', value: value as boolean }
      case form.textString:
        return { tag, type: 'TextString', value: value as string }
      case form.byteString:
        return { tag, type: 'ByteString', value: value as Uint8Array }
      case form.dateTime:
        return { tag, type: 'DateTime', value: BigInt(value as number) }
      case form.dateTimeExtended:
        return { tag, type: 'DateTimeExtended', value: value as bigint }
      case form.structure:
        return this.structure(tag, value as Fields, field.layout)
      case form.variant:
        throw new TypeError(`${field.name} is written with its structure`)
      case form.raw:
        return value as Item
      case form.identifier:
        return this.#identifier(tag, value as Identifier)
      case form.keyBlock:
        return writeKeyBlock(this, tag, value as KeyBlock)
      case form.lease:
        return leaseItem(tag, value as Lease)
      case form.template:
        return attributesLegacy.writeTemplate(this, field, value as readonly AttributeInstance[], undefined)
      case form.namedAttribute:
        return attributesLegacy.writeAttribute(this, tag, value as AttributeInstance)
      case form.attributeName:
        return attributesLegacy.writeReference(this, field, value as AttributeReference)
      case form.attributes:
        return attributesModern.writeAttributes(this, tag, value as readonly AttributeInstance[])
      case form.oneAttribute:
        return this.#oneAttribute(tag, value as AttributeInstance)
      case form.attributeReference:
        return attributesModern.writeReference(this, field, value as AttributeReference)
    }
  }

  leaveOut(what: string): void {
    if (this.isRequest) throw new KmipError('InvalidField', `${what} cannot be said in ${this.dialect.label}: use a later version`)
  }

  #mask(field: Field, value: number): number {
    if ((value & field.laterBits) !== 0) this.leaveOut(`A bit of ${field.label}`)
    return value & ~field.laterBits
  }

  #single(field: Field, content: unknown, value: Fields): Item | undefined {
    if (field.form !== form.variant) return this.value(field, field.tag, content)
    const name = field.variants?.[value[field.by] as string]
    if (name === undefined) throw new TypeError(`${field.name}: no structure for ${field.by}`)
    return this.structure(field.tag, content as Fields, this.dialect.layout(name))
  }

  #template(field: Field, value: Fields): Item {
    const templates = value[field.templates] as readonly Fields[] | undefined
    const instances = (value[field.name] ?? []) as readonly AttributeInstance[]
    return attributesLegacy.writeTemplate(this, field, instances, templates)
  }

  #identifier(tag: number, value: Identifier): Item | undefined {
    if (typeof value === 'string') return { tag, type: 'TextString', value }
    if (this.dialect.hasIndexes) return undefined
    if ('position' in value) return { tag, type: 'Integer', value: value.position }
    const number = enumerationTable('UniqueIdentifier', this.dialect.version).numbers.get(value.placeholder)
    return number === undefined ? undefined : { tag, type: 'Enumeration', value: number }
  }

  #oneAttribute(tag: number, instance: AttributeInstance): Item | undefined {
    const item = attributesModern.writeAttribute(this, instance)
    return item === undefined ? undefined : { tag, type: 'Structure', value: [item] }
  }
}

function leaseItem(tag: number, lease: Lease): Item {
  return 'until' in lease ? { tag, type: 'DateTime', value: BigInt(lease.until) } : { tag, type: 'Interval', value: lease.seconds }
}

/** The writer of a version, of requests or answers; made once. */
export function writerOf(dialect: Dialect, isRequest: boolean): StructureWriter {
  const known = isRequest ? requests : answers
  let writer = known.get(dialect)
  if (writer === undefined) {
    writer = new StructureWriter(dialect, isRequest)
    known.set(dialect, writer)
  }
  return writer
}

const requests = new Map<Dialect, StructureWriter>()
const answers = new Map<Dialect, StructureWriter>()
