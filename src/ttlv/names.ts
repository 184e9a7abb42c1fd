import { enumerations, masks, type ValueRow } from '../../spec/enumerations.ts'
import { type ItemType, itemTypes } from '../../spec/item-types.ts'
import { type TagName, type TagRow, tags } from '../../spec/tags.ts'

/** The two first bytes a tag may have: the standard's own tags and extensions (KMIP 2.1 §9.1.1.1). */
export const tagPrefixes = { standard: 0x42, extension: 0x54 } as const

/** Type names by code; holes where there is no such type. */
export const typeByCode: readonly (ItemType | undefined)[] = codeTable()

const tagByNumber = new Map<number, TagName>(Object.entries(tags).map(([name, row]) => [row.tag, name as TagName]))

export function isTag(tag: number): boolean {
  const prefix = tag >>> 16
  return prefix === tagPrefixes.standard || prefix === tagPrefixes.extension
}

/** The name of a tag as XML and JSON write it; undefined for a tag the standard does not have. */
export function tagName(tag: number): TagName | undefined {
  return tagByNumber.get(tag)
}

/** How a tag is called to a reader: its name, or its number where it has none. */
export function tagLabel(tag: number): string {
  return tagByNumber.get(tag) ?? tagHex(tag)
}

export function tagHex(tag: number): string {
  return `0x${tag.toString(16).toUpperCase().padStart(6, '0')}`
}

export type NamedValues = Readonly<Record<string, ValueRow>>

/** The values that an Enumeration with this tag takes; undefined where the standard lists none. */
export function enumerationOf(tag: TagName): NamedValues | undefined {
  return (enumerations as Record<string, NamedValues>)[tableOf(tag)]
}

/** The bits of an Integer with this tag, where it is a mask. */
export function maskOf(tag: TagName): NamedValues | undefined {
  return (masks as Record<string, NamedValues>)[tableOf(tag)]
}

function tableOf(tag: TagName): string {
  const row: TagRow = tags[tag]
  return row.values ?? tag
}

function codeTable(): (ItemType | undefined)[] {
  const table: (ItemType | undefined)[] = []
  for (const [name, { code }] of Object.entries(itemTypes)) table[code] = name as ItemType
  return table
}
