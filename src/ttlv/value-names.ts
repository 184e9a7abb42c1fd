import { enumerations, masks } from '../../spec/enumerations.ts'
import { pkcs11Functions, pkcs11ReturnCodes } from '../../spec/pkcs11.ts'
import { type TagName, type TagRow, tags } from '../../spec/tags.ts'
import { tagByName, tagBySpecName, tagName } from './names.ts'

/**
 * The tag whose enumeration or mask an item's number is read by. It is the item's own, but for Attribute Value: KMIP 1.x says
 * by the Attribute Name before it what it holds.
 *
 * @param attributeName the text of the Attribute Name that stands before the item in its structure
 */
export function subjectOf(tag: number, attributeName: string | undefined): TagName | undefined {
  if (tag === tags.AttributeValue.tag && attributeName !== undefined) return tagBySpecName(attributeName)
  return tagName(tag)
}

/** The name of an enumeration's value, or its number as 8 hexadecimal digits where it has none. */
export function enumerationText(subject: TagName | undefined, value: number): string {
  return enumerationName(subject, value) ?? hex32(value)
}

export function enumerationName(subject: TagName | undefined, value: number): string | undefined {
  if (subject === undefined) return undefined
  const table = tableOf(subject)
  return table === tagTable ? tagName(value) : namesOf(enumerationTable(table))?.get(value)
}

/** The number of an enumeration's value by its name; undefined when it has no value of this name. */
export function enumerationNumber(subject: TagName | undefined, name: string): number | undefined {
  if (subject === undefined) return undefined
  const table = tableOf(subject)
  if (table === tagTable) return tagByName(name)
  const values = enumerationTable(table)
  const known = aliases.get(name) ?? name
  return values !== undefined && Object.hasOwn(values, known) ? values[known]?.value : undefined
}

/** A mask as the names of its bits, what has no name as hexadecimal digits; undefined for a number that is no mask, or has no bit. */
export function maskText(subject: TagName | undefined, value: number, separator: string): string | undefined {
  const bits = maskTable(subject)
  if (bits === undefined || value === 0) return undefined
  const parts: string[] = []
  let rest = value >>> 0
  for (const [name, { value: bit }] of Object.entries(bits)) {
    if ((rest & bit) === 0) continue
    parts.push(name)
    rest = (rest & ~bit) >>> 0
  }
  if (rest !== 0) parts.push(hex32(rest))
  return parts.join(separator)
}

/** The bit of a mask by its name; undefined when it has no bit of this name. */
export function maskBit(subject: TagName | undefined, name: string): number | undefined {
  const bits = maskTable(subject)
  return bits !== undefined && Object.hasOwn(bits, name) ? bits[name]?.value : undefined
}

export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`
}

type Values = Readonly<Record<string, { readonly value: number }>>

/** What a tag's row calls the enumeration whose values are tags themselves. */
const tagTable = 'Tag' satisfies TagName

const extra: Readonly<Record<string, Values>> = { PKCS_11Function: pkcs11Functions, PKCS_11ReturnCode: pkcs11ReturnCodes }

/** Spellings that the standard's own documents use besides the one in the table: read, never written. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['MFG1', 'MGF1'],
  ['NotAuthorized', 'NotAuthorised'],
])

const namesByTable = new Map<Values, Map<number, string>>()

function namesOf(values: Values | undefined): Map<number, string> | undefined {
  if (values === undefined) return undefined
  let names = namesByTable.get(values)
  if (names === undefined) {
    names = new Map(Object.entries(values).map(([name, row]) => [row.value, name]))
    namesByTable.set(values, names)
  }
  return names
}

function enumerationTable(table: string): Values | undefined {
  return (enumerations as Readonly<Record<string, Values>>)[table] ?? extra[table]
}

function maskTable(subject: TagName | undefined): Values | undefined {
  return subject === undefined ? undefined : (masks as Readonly<Record<string, Values>>)[tableOf(subject)]
}

function tableOf(subject: TagName): string {
  const row: TagRow = tags[subject]
  return row.values ?? subject
}
