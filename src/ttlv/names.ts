import { type ItemType, itemTypes } from '../../spec/item-types.ts'
import { type TagName, tags } from '../../spec/tags.ts'

/** The two first bytes a tag may have: the standard's own tags and extensions (KMIP 2.1 §9.1.1.1). */
export const tagPrefixes = { standard: 0x42, extension: 0x54 } as const

/** Type names by code; holes where there is no such type. */
export const typeByCode: readonly (ItemType | undefined)[] = codeTable()

const tagByNumber = new Map<number, TagName>(Object.entries(tags).map(([name, row]) => [row.tag, name as TagName]))

const tagBySpec = new Map<string, TagName>(Object.entries(tags).map(([name, row]) => [row.name, name as TagName]))

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

/** The tag of a name that XML and JSON write; undefined when there is none. */
export function tagByName(name: string): number | undefined {
  return Object.hasOwn(tags, name) ? tags[name as TagName].tag : undefined
}

/** The tag that the standard calls by this name, spaces and all, as Attribute Name does in KMIP 1.x. */
export function tagBySpecName(name: string): TagName | undefined {
  return tagBySpec.get(name)
}

function codeTable(): (ItemType | undefined)[] {
  const table: (ItemType | undefined)[] = []
  for (const [name, { code }] of Object.entries(itemTypes)) table[code] = name as ItemType
  return table
}
