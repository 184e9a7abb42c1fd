import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeReference, Identifier } from '../../spec/values.ts'
import { type Item, tagLabel } from '../ttlv/index.ts'
import * as attributesLegacy from './attributes-1x.ts'
import * as attributesModern from './attributes-2x.ts'
import type { AttributeDialect, Dialect } from './dialect.ts'
import { enumerationTable } from './enumeration-table.ts'
import { type Field, form, type Layout } from './field.ts'
import { readKeyBlock } from './key-block-reader.ts'
import type { Fields, Reader } from './reader.ts'
import { wrongType } from './wrong-type.ts'

/**
 * Reads the structures of one version (KMIP 2.1 §9.1, §11): every field at most as often as its row says, in the row's order, of the
 * right type, with values that the version knows.
 *
 * @throws KmipError with what is wrong, where it stands and what would be right; never with a value.
 */
export class StructureReader implements Reader {
  readonly dialect: Dialect
  readonly isLenient: boolean

  constructor(dialect: Dialect, isLenient: boolean) {
    this.dialect = dialect
    this.isLenient = isLenient
  }

  read(items: readonly Item[], layout: Layout, first = 0): Fields {
    const fields = layout.fields
    const result: Fields = {}
    // The field that comes next, or the repeated field that is being filled.
    let at = 0
    let run: unknown[] | undefined
    for (let position = first; position < items.length; position++) {
      const item = items[position] as Item
      let index = at
      while (index < fields.length && (fields[index] as Field).tag !== item.tag) index++
      if (index === fields.length) {
        if (layout.has(item.tag)) return this.#sorted(items, layout, first, misplaced(item, layout))
        if (this.isLenient) continue
        throw new KmipError('UnknownTag', `${tagLabel(item.tag)} is no field of ${layout.name} in ${this.dialect.label}`)
      }
      for (; at < index; at++) {
        const skipped = fields[at] as Field
        if (run !== undefined) run = this.#endRun(run, skipped)
        else if (skipped.isRequired) return this.#sorted(items, layout, first, missing(skipped, layout))
        else if (skipped.isListWhenAbsent) result[skipped.name] = []
      }
      const field = fields[at] as Field
      if (!field.isRepeated) {
        const value = this.value(field, item, result)
        if (value !== undefined || field.isRequired) result[field.name] = value
        at++
      } else {
        if (run === undefined) {
          run = []
          result[field.name] = run
        }
        const value = this.value(field, item, result)
        if (value !== undefined) run.push(value)
      }
    }
    for (; at < fields.length; at++) {
      const skipped = fields[at] as Field
      if (run !== undefined) run = this.#endRun(run, skipped)
      else if (skipped.isRequired) return this.#sorted(items, layout, first, missing(skipped, layout))
      else if (skipped.isListWhenAbsent) result[skipped.name] = []
    }
    return result
  }

  value(field: Field, item: Item, soFar: Fields): unknown {
    switch (field.form) {
      case form.integer:
        return item.type === 'Integer' ? item.value : wrongType(item, 'Integer')
      case form.interval:
        return item.type === 'Interval' ? item.value : wrongType(item, 'Interval')
      case form.longInteger:
        return item.type === 'LongInteger' ? item.value : wrongType(item, 'LongInteger')
      case form.bigInteger:
        return item.type === 'BigInteger' ? item.value : wrongType(item, 'BigInteger')
      case form.enumeration: {
        if (item.type !== 'Enumeration') return wrongType(item, 'Enumeration')
        return field.table?.names.get(item.value) ?? this.#unknownValue(item, field)
      }
      case form.enumerationNumber:
        return item.type === 'Enumeration' ? item.value : wrongType(item, 'Enumeration')
      case form.boolean:
        return item.type === 'Boolean' ? item.value : wrongType(item, 'Boolean')
      case form.textString:
        return item.type === 'TextString' ? item.value : wrongType(item, 'TextString')
      case form.byteString:
        return item.type === 'ByteString' ? item.value : wrongType(item, 'ByteString')
      case form.dateTime:
        return item.type === 'DateTime' ? seconds(item.tag, item.value) : wrongType(item, 'DateTime')
      case form.dateTimeExtended:
        return item.type === 'DateTimeExtended' ? item.value : wrongType(item, 'DateTimeExtended')
      case form.structure:
        return item.type === 'Structure' ? this.read(item.value, field.layout) : wrongType(item, 'Structure')
      case form.variant: {
        const name = field.variants?.[soFar[field.by] as string]
        if (name === undefined)
          throw new KmipError('UnknownEnumeration', `${tagLabel(item.tag)} is of a kind that this server does not know`)
        return item.type === 'Structure' ? this.read(item.value, this.dialect.layout(name)) : wrongType(item, 'Structure')
      }
      case form.raw:
        return item
      case form.identifier:
        return this.#identifier(item)
      case form.keyBlock:
        return item.type === 'Structure' ? readKeyBlock(this, item.value) : wrongType(item, 'Structure')
      case form.lease:
        if (item.type === 'DateTime') return { until: seconds(item.tag, item.value) }
        return item.type === 'Interval' ? { seconds: item.value } : wrongType(item, 'Interval')
      case form.template:
        return attributesLegacy.readTemplate(this, field, item, soFar)
      case form.namedAttribute:
        return attributesLegacy.readAttribute(this, item)
      case form.attributeName:
        return attributesLegacy.readReference(this, item)
      case form.attributes:
        return attributesModern.readAttributes(this, item)
      case form.oneAttribute:
        return attributesModern.readOneAttribute(this, item)
      case form.attributeReference:
        return attributesModern.readReference(this, item)
    }
  }

  attributeValue(attribute: AttributeDialect, item: Item): unknown {
    if (!this.isLenient) return this.value(attribute.value, item, nothing)
    try {
      return this.value(attribute.value, item, nothing)
    } catch (error) {
      if (error instanceof KmipError && error.reason === 'UnknownEnumeration') return undefined
      throw error
    }
  }

  /** KMIP 2.1 §4.58; in 1.x always text. */
  #identifier(item: Item): Identifier {
    if (item.type === 'TextString') return item.value
    if (!this.dialect.hasIndexes) {
      if (item.type === 'Integer') return { position: item.value }
      if (item.type === 'Enumeration') {
        const placeholder = enumerationTable('UniqueIdentifier', this.dialect.version).names.get(item.value)
        if (placeholder === undefined) throw unknownValue(item)
        return { placeholder } as Identifier
      }
    }
    return wrongType(item, 'TextString')
  }

  /** The same attribute is not to be asked for twice (KMIP 1.4 §11.13, KMIP 2.1 §6.1.24). */
  #endRun(run: readonly unknown[], field: Field): undefined {
    if (run.length < 2 || (field.form !== form.attributeReference && field.form !== form.attributeName)) return
    const seen = new Set((run as readonly AttributeReference[]).map(referenceKey))
    if (seen.size < run.length && !this.isLenient) throw new KmipError('InvalidMessage', `${field.label} names the same attribute twice`)
  }

  /**
   * Fields have a fixed order (KMIP 2.1 §9.1.1). Real requests break it in their header, and other servers in their answers; those are put
   * in order and read again, and refused when order was not what they lacked.
   */
  #sorted(items: readonly Item[], layout: Layout, first: number, problem: KmipError): Fields {
    if (!this.isLenient && layout.order === 'fixed') throw problem
    const given = items.slice(first)
    const places = new Map(layout.fields.map((field, index) => [field.tag, index]))
    const place = (item: Item) => places.get(item.tag) ?? -1
    const inOrder = [...given].sort((a, b) => place(a) - place(b))
    if (inOrder.every((item, index) => item === given[index])) throw problem
    return this.read(inOrder, layout)
  }

  #unknownValue(item: Item, field: Field): undefined {
    if (this.isLenient && !field.isRequired) return undefined
    throw unknownValue(item)
  }
}

/** The reader of a version, strict or lenient; made once. */
export function readerOf(dialect: Dialect, isLenient: boolean): StructureReader {
  const known = isLenient ? lenient : strict
  let reader = known.get(dialect)
  if (reader === undefined) {
    reader = new StructureReader(dialect, isLenient)
    known.set(dialect, reader)
  }
  return reader
}

const nothing: Fields = {}
const strict = new Map<Dialect, StructureReader>()
const lenient = new Map<Dialect, StructureReader>()

function missing(field: Field, layout: Layout): KmipError {
  return new KmipError(
    'InvalidMessage',
    `${field.label} is missing in ${layout.name}, or stands in the wrong place: fields have a fixed order`,
  )
}

function misplaced(item: Item, layout: Layout): KmipError {
  return new KmipError(
    'InvalidMessage',
    `${tagLabel(item.tag)} stands twice in ${layout.name}, or in the wrong place: fields have a fixed order`,
  )
}

function referenceKey(reference: AttributeReference): string {
  return typeof reference === 'string' ? reference : `${reference.vendorIdentification}\n${reference.attributeName}`
}

function unknownValue(item: Item): KmipError {
  return new KmipError('UnknownEnumeration', `${tagLabel(item.tag)} has a value that this version does not know`)
}

/** Seconds as a number: exact within any date that means something. */
function seconds(tag: number, value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new KmipError('NumericRange', `${tagLabel(tag)} lies beyond any date`)
  return number
}
