import fc from 'fast-check'
import { type AttributeName, type AttributeRule, attributes } from '../../spec/attributes.ts'
import { type EnumerationName, enumerations, masks, type ValueRow } from '../../spec/enumerations.ts'
import type { ItemType } from '../../spec/item-types.ts'
import { type CarrierRow, type ElementRow, type FieldRow, type StructureRow, structures } from '../../spec/structures.ts'
import { type TagName, type TagRow, tags } from '../../spec/tags.ts'
import { isWithin, type Version } from '../../spec/versions.ts'

/*
 * Values of the internal form, made from the rows of spec/: of one version, or with `undefined` of any. They are drawn from the tables
 * alone and know nothing of how src/messages reads and writes.
 */

type Known = Version | undefined
type Value = fc.Arbitrary<unknown>
export type Values = fc.Arbitrary<Record<string, unknown>>

/** Values of a structure with exactly the fields that the version knows. */
export function valuesOf(row: StructureRow, version: Known): Values {
  const fields = Object.entries(row).filter(([, field]) => isFieldKnown(field, version))
  const dependent = fields.find(([, field]) => 'variants' in field)
  const shape = Object.fromEntries(fields.filter((entry) => entry !== dependent).map(([name, field]) => [name, counted(field, version)]))
  const required = fields.filter(([, field]) => isAlwaysThere(field)).map(([name]) => name)
  const record = (fc.record(shape, { requiredKeys: required.filter((name) => name !== dependent?.[0]) }) as Values).map((values) =>
    withAttributesBeside(row, values),
  )
  return dependent === undefined ? record : withVariant(record, dependent as [string, ElementRow], version)
}

/** Instances of the attributes that the version knows, without an index. */
export function instances(version: Known): fc.Arbitrary<Record<string, unknown>[]> {
  return fc.array(instance(version), { maxLength: 4 })
}

export function attributeNames(version: Known): AttributeName[] {
  return (Object.entries(attributes) as [AttributeName, AttributeRule][])
    .filter(([, rule]) => version === undefined || isWithin(version, rule.since, rule.until))
    .map(([name]) => name)
}

const bytes = fc.uint8Array({ maxLength: 20 })
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0'))
const vendors = fc.record({
  vendorIdentification: fc.constantFrom('x', 'y', 'ACME', 'a.b_1'),
  attributeName: fc.oneof(text, fc.constant('ACME::x')),
})
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const attributeValueTag = tags.AttributeValue.tag

/** Names of Templates stand in the structure of the attributes beside them: where there are names there are attributes, be they none. */
function withAttributesBeside(row: StructureRow, values: Record<string, unknown>): Record<string, unknown> {
  const added = { ...values }
  for (const [name, field] of Object.entries(row)) {
    if ('carrier' in field && field.beside !== undefined && values[name] !== undefined) added[field.beside] ??= []
  }
  return added
}

function withVariant(record: Values, [name, field]: [string, ElementRow], version: Known): Values {
  const kinds = Object.entries(field.variants as Readonly<Record<string, string>>).filter(([value]) =>
    enumerationValues('CredentialType', version).includes(value),
  )
  const variant = fc
    .constantFrom(...kinds)
    .chain(([value, structure]) => structureValues(structure, version).map((inner) => ({ [field.by as string]: value, [name]: inner })))
  return fc.tuple(record, variant).map(([rest, chosen]) => ({ ...rest, ...chosen }))
}

function counted(field: FieldRow, version: Known): Value {
  const one = 'carrier' in field ? carried(field, version) : element(field, version)
  const isList =
    'carrier' in field &&
    field.carrier !== 'identifier' &&
    field.carrier !== 'attribute' &&
    field.carrier !== 'reference' &&
    field.carrier !== 'lease'
  if (isList && field.carrier !== 'keyBlock') return one
  if (field.count === '*' || field.count === '+') return fc.array(one, { minLength: field.count === '+' ? 1 : 0, maxLength: 3 })
  return one
}

/** Lists are always there, be they empty; except where 2.x has a structure for them that may be absent. */
function isAlwaysThere(field: FieldRow): boolean {
  return field.count !== '?'
}

function element(field: ElementRow, version: Known): Value {
  const type: ItemType = field.type ?? tags[field.tag].type
  if (type === 'Structure') return structureValues(field.of ?? field.tag, version)
  return primitive(field.tag, type, version)
}

function primitive(tag: TagName, type: ItemType, version: Known): Value {
  switch (type) {
    case 'Integer':
      return fc.integer({ min: 0, max: 0x7fffffff }).map((value) => value & ~laterBits(tag, version))
    case 'Interval':
      return fc.integer({ min: 0, max: 0xffffffff })
    case 'LongInteger':
    case 'DateTimeExtended':
      return int64
    case 'BigInteger':
      return fc.integer({ min: 1, max: 3 }).chain((words) => fc.uint8Array({ minLength: 8 * words, maxLength: 8 * words }))
    case 'Enumeration': {
      const name = (tags[tag] as TagRow).values ?? tag
      return name in enumerations
        ? fc.constantFrom(...enumerationValues(name as EnumerationName, version))
        : fc.integer({ min: 0, max: 0xffffffff })
    }
    case 'Boolean':
      return fc.boolean()
    case 'DateTime':
      return fc.integer({ min: -1e10, max: 1e10 })
    case 'ByteString':
      return bytes
    default:
      return text
  }
}

function structureValues(name: string, version: Known): Values {
  const row: StructureRow | undefined = (structures as Readonly<Record<string, StructureRow>>)[name]
  if (row === undefined) throw new Error(`${name} has no row`)
  return valuesOf(row, version)
}

function carried(field: CarrierRow, version: Known): Value {
  switch (field.carrier) {
    case 'attributes':
    case 'attributeList':
      return instances(version)
    case 'attribute':
      return instance(version)
    case 'reference':
      return reference(version)
    case 'references':
    case 'names':
      return fc.uniqueArray(reference(version), { maxLength: 4, selector: (value) => JSON.stringify(value) })
    case 'templates':
      return fc.array(structureValues('Name', version), { minLength: 1, maxLength: 2 })
    case 'identifier':
      return text
    case 'keyBlock':
      return keyBlock(version)
    case 'lease':
      return fc.oneof(
        fc.record({ seconds: fc.integer({ min: 0, max: 0xffffffff }) }),
        fc.record({ until: fc.integer({ min: -1e10, max: 1e10 }) }),
      )
  }
}

function reference(version: Known): Value {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...attributeNames(version).filter((name) => name !== 'VendorAttribute')) },
    { weight: 1, arbitrary: vendors },
  )
}

function instance(version: Known): fc.Arbitrary<Record<string, unknown>> {
  return fc.constantFrom(...attributeNames(version)).chain((name): fc.Arbitrary<Record<string, unknown>> => {
    if (name !== 'VendorAttribute') {
      const rule: AttributeRule = attributes[name]
      return element({ tag: rule.tag ?? (name as TagName), count: '1' }, version).map((value) => ({ name, value }))
    }
    const attributeValue = fc.oneof(
      text.map((value) => ({ tag: attributeValueTag, type: 'TextString', value })),
      bytes.map((value) => ({ tag: attributeValueTag, type: 'ByteString', value })),
      int64.map((value) => ({ tag: attributeValueTag, type: 'DateTime', value })),
      fc.boolean().map((value) => ({ tag: attributeValueTag, type: 'Structure', value: [{ tag: 0x540001, type: 'Boolean', value }] })),
    )
    return fc.tuple(vendors, attributeValue).map(([vendor, value]) => ({ name, value: { ...vendor, attributeValue: value } }))
  })
}

function keyBlock(version: Known): Value {
  const formats = enumerationValues('KeyFormatType', version)
  const transparent = formats.filter((format) => format in structures)
  const material: fc.Arbitrary<{ keyFormatType: string; keyValue?: unknown }> = fc.oneof(
    fc.record({ keyFormatType: fc.constantFrom(...formats), keyValue: bytes.map((wrapped) => ({ wrapped })) }),
    fc.record({
      keyFormatType: fc.constantFrom(...formats),
      keyValue: fc.record({ keyMaterial: bytes, attributes: instances(version) }),
    }),
    fc.record({ keyFormatType: fc.constantFrom(...formats) }),
    fc.constantFrom(...transparent).chain((format) =>
      fc.record({
        keyFormatType: fc.constant(format),
        keyValue: fc.record({
          keyMaterial: structureValues(format, version).map((inner) => ({ format, ...inner })),
          attributes: instances(version),
        }),
      }),
    ),
  )
  const rest = valuesOf(
    {
      keyCompressionType: { tag: 'KeyCompressionType', count: '?' },
      cryptographicAlgorithm: { tag: 'CryptographicAlgorithm', count: '?' },
      cryptographicLength: { tag: 'CryptographicLength', count: '?' },
      keyWrappingData: { tag: 'KeyWrappingData', count: '?' },
    },
    version,
  )
  return fc.tuple(material, rest).map(([one, other]) => ({ ...one, ...other }))
}

function isFieldKnown(field: FieldRow, version: Known): boolean {
  if (version === undefined) return true
  if (!isWithin(version, field.since ?? '1.0', field.until)) return false
  if ('carrier' in field) return field.carrier !== 'templates' || isWithin(version, '1.0', '1.4')
  const tag: TagRow = tags[field.tag]
  return isWithin(version, tag.since, tag.until)
}

function enumerationValues(name: EnumerationName, version: Known): string[] {
  return Object.entries(enumerations[name] as Readonly<Record<string, ValueRow>>)
    .filter(([, row]) => version === undefined || isWithin(version, row.since, row.until))
    .map(([value]) => value)
}

function laterBits(tag: TagName, version: Known): number {
  const rows = (masks as Readonly<Record<string, Readonly<Record<string, ValueRow>>>>)[tag]
  if (rows === undefined || version === undefined) return 0
  return Object.values(rows).reduce((bits, row) => (isWithin(version, row.since) ? bits : bits | row.value), 0)
}
