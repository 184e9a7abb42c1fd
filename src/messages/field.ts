import { type MaskName, masks, type ValueRow } from '../../spec/enumerations.ts'
import type { ItemType } from '../../spec/item-types.ts'
import { type CarrierRow, type ElementRow, type FieldRow, type StructureRow, structures } from '../../spec/structures.ts'
import { type TagName, type TagRow, tags } from '../../spec/tags.ts'
import { isWithin, type Version } from '../../spec/versions.ts'
import { type EnumerationTable, enumerationTable, isEnumerationName } from './enumeration-table.ts'

/** How a field's value is read and written: the item types, and the forms that differ between versions. */
export const form = {
  integer: 0,
  interval: 1,
  longInteger: 2,
  bigInteger: 3,
  enumeration: 4,
  enumerationNumber: 5,
  boolean: 6,
  textString: 7,
  byteString: 8,
  dateTime: 9,
  dateTimeExtended: 10,
  structure: 11,
  /** A structure whose row an earlier field names. */
  variant: 12,
  /** Carried as it came. */
  raw: 13,
  identifier: 14,
  keyBlock: 15,
  /** 1.x: a Template-Attribute. */
  template: 16,
  /** 1.x: one Attribute, with name, index and value. */
  namedAttribute: 17,
  /** 1.x, and Key Wrapping Specification: an attribute by its name. */
  attributeName: 18,
  /** 2.x: a structure of attributes, each under its own tag. */
  attributes: 19,
  /** 2.x: a structure of one attribute. */
  oneAttribute: 20,
  /** 2.x: an attribute by its tag, or by vendor and name. */
  attributeReference: 21,
  /** Interval or Date-Time. */
  lease: 22,
} as const

export type Form = (typeof form)[keyof typeof form]

/** What a field needs to know of the version that it is in. */
export interface Manner {
  /** Undefined for the stored form, which knows all that any version knows. */
  readonly version: Version | undefined
  /** 1.x: attributes are named, and have an Attribute Index. */
  readonly hasIndexes: boolean
  /** The fields of a structure of `spec/structures.ts`. */
  layout(name: string): Layout
}

/** One field of a structure in one version. All have one hidden class: reading and writing loop over them. */
export class Field {
  readonly name: string
  readonly tag: number
  readonly label: TagName
  readonly isRequired: boolean
  readonly isRepeated: boolean
  /** Absent, it is an empty list: what may be repeated, and attributes that 2.x would have in a structure, be it empty. */
  readonly isListWhenAbsent: boolean
  readonly form: Form
  readonly type: ItemType
  readonly table: EnumerationTable | undefined
  /** For a mask: the bits of later versions, which this one is not shown. */
  readonly laterBits: number
  /** For `variant`: the field that names the row, and the rows. */
  readonly by: string
  readonly variants: Readonly<Record<string, string>> | undefined
  /** For `template`: the field that holds the names of Templates. */
  templates: string
  readonly #manner: Manner
  readonly #structure: string
  #layout: Layout | undefined

  constructor(manner: Manner, name: string, row: FieldRow) {
    const carrier = 'carrier' in row ? row : undefined
    this.name = name
    this.label = carrier === undefined ? row.tag : carrierTag(manner, carrier)
    this.tag = tags[this.label].tag
    this.#manner = manner
    const element = carrier === undefined ? (row as ElementRow) : undefined
    this.#structure = element?.of ?? this.label
    this.type = element?.type ?? (tags[this.label].type as ItemType)
    this.by = element?.by ?? ''
    this.variants = element?.variants
    this.table = element !== undefined && this.type === 'Enumeration' ? tableOf(manner, this.label) : undefined
    this.laterBits = element !== undefined && this.type === 'Integer' ? laterBits(manner, this.label) : 0
    this.form = carrier === undefined ? this.#elementForm() : carrierForm(manner, carrier)
    const isAttributeList = carrier?.carrier === 'attributeList' && row.count !== '?'
    const isRun = carrier?.carrier === 'attributeList' && manner.hasIndexes
    this.isRepeated = isRun || ((row.count === '*' || row.count === '+') && this.form !== form.attributes)
    this.isListWhenAbsent = this.isRepeated || isAttributeList
    this.isRequired = !isRun && !isAttributeList && (row.count === '1' || row.count === '+')
    this.templates = ''
    this.#layout = undefined
  }

  /** For `structure`: the fields of the value. Made when first needed, since structures hold each other. */
  get layout(): Layout {
    this.#layout ??= this.#manner.layout(this.#structure)
    return this.#layout
  }

  #elementForm(): Form {
    if (this.variants !== undefined) return form.variant
    if (this.type === 'Structure') return this.#structure in structures ? form.structure : form.raw
    if (this.label === 'AttributeValue') return form.raw
    if (this.type === 'Enumeration') return this.table === undefined ? form.enumerationNumber : form.enumeration
    return primitiveForms[this.type]
  }
}

/** The fields of a structure that one version knows, in order. */
export class Layout {
  readonly name: string
  readonly fields: readonly Field[]
  /** Whether a strict reader insists on the order. */
  readonly order: 'fixed' | 'any'

  constructor(manner: Manner, name: string, row: StructureRow, order: 'fixed' | 'any' = 'fixed') {
    this.name = name
    this.order = order
    const fields: Field[] = []
    for (const [fieldName, fieldRow] of Object.entries(row)) {
      if ('carrier' in fieldRow && fieldRow.carrier === 'templates') continue
      if (isKnown(manner, fieldRow)) fields.push(new Field(manner, fieldName, fieldRow))
    }
    for (const [fieldName, fieldRow] of Object.entries(row)) {
      if (!('carrier' in fieldRow) || fieldRow.carrier !== 'templates') continue
      const beside = fields.find((field) => field.name === fieldRow.beside && field.form === form.template)
      if (beside !== undefined) beside.templates = fieldName
    }
    this.fields = fields
  }

  has(tag: number): boolean {
    return this.fields.some((field) => field.tag === tag)
  }
}

function isKnown(manner: Manner, row: FieldRow): boolean {
  const version = manner.version
  if (version === undefined) return true
  const tag: TagRow = tags['carrier' in row ? carrierTag(manner, row) : row.tag]
  return isWithin(version, row.since ?? '1.0', row.until) && isWithin(version, tag.since, tag.until)
}

function tableOf(manner: Manner, label: TagName): EnumerationTable | undefined {
  const name = (tags[label] as TagRow).values ?? label
  return isEnumerationName(name) ? enumerationTable(name, manner.version) : undefined
}

function laterBits(manner: Manner, label: TagName): number {
  if (manner.version === undefined || !isMaskName(label)) return 0
  let bits = 0
  for (const row of Object.values(masks[label] as Readonly<Record<string, ValueRow>>)) {
    if (!isWithin(manner.version, row.since)) bits |= row.value
  }
  return bits
}

function isMaskName(label: string): label is MaskName {
  return Object.hasOwn(masks, label)
}

function carrierTag(manner: Manner, row: CarrierRow): TagName {
  if (!manner.hasIndexes) return row.tag
  switch (row.carrier) {
    case 'attributes':
      return row.template ?? 'TemplateAttribute'
    case 'attributeList':
    case 'attribute':
      return 'Attribute'
    case 'references':
    case 'reference':
      return 'AttributeName'
    default:
      return row.tag
  }
}

function carrierForm(manner: Manner, row: CarrierRow): Form {
  switch (row.carrier) {
    case 'attributes':
      return manner.hasIndexes ? form.template : form.attributes
    case 'attributeList':
      return manner.hasIndexes ? form.namedAttribute : form.attributes
    case 'attribute':
      return manner.hasIndexes ? form.namedAttribute : form.oneAttribute
    case 'references':
    case 'reference':
      return manner.hasIndexes ? form.attributeName : form.attributeReference
    case 'names':
      return form.attributeName
    case 'identifier':
      return form.identifier
    case 'keyBlock':
      return form.keyBlock
    case 'lease':
      return form.lease
    case 'templates':
      return form.raw
  }
}

const primitiveForms: Readonly<Record<Exclude<ItemType, 'Structure' | 'Enumeration'>, Form>> = {
  Integer: form.integer,
  Interval: form.interval,
  LongInteger: form.longInteger,
  BigInteger: form.bigInteger,
  Boolean: form.boolean,
  TextString: form.textString,
  ByteString: form.byteString,
  DateTime: form.dateTime,
  DateTimeExtended: form.dateTimeExtended,
  Identifier: form.textString,
  Reference: form.textString,
  NameReference: form.textString,
}
