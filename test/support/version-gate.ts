import { type EnumerationName, enumerations, masks, type ValueRow } from '../../spec/enumerations.ts'
import { type TagName, type TagRow, tags } from '../../spec/tags.ts'
import { isWithin, type Version } from '../../spec/versions.ts'
import type { Item, StructureItem } from '../../src/ttlv/index.ts'

const byNumber = new Map<number, [TagName, TagRow]>((Object.entries(tags) as [TagName, TagRow][]).map((entry) => [entry[1].tag, entry]))
const byWireName = new Map<string, [TagName, TagRow]>((Object.entries(tags) as [TagName, TagRow][]).map((entry) => [entry[1].name, entry]))

/** All that stands in a message though its version does not know it: tags, values of enumerations, bits of masks, names of attributes. */
export function laterThan(version: Version, item: Item, named?: TagName): string[] {
  const row = byNumber.get(item.tag)
  if (row === undefined) return [`tag ${item.tag.toString(16)} is unknown`]
  const [label, tag] = row
  const found = isWithin(version, tag.since, tag.until) ? [] : [`tag ${label}`]
  const meaning = named ?? label
  if (item.type === 'Enumeration') found.push(...laterValue(version, meaning, item.value))
  if (item.type === 'Integer') found.push(...laterBits(version, meaning, item.value))
  if (label === 'AttributeName' && item.type === 'TextString') found.push(...laterName(version, item.value))
  if (item.type === 'Structure')
    found.push(...(label === 'Attribute' ? insideAttribute(version, item) : item.value.flatMap((inner) => laterThan(version, inner))))
  return found
}

/** 1.x: the value means what the name says; a vendor's value means what the vendor says. */
function insideAttribute(version: Version, item: StructureItem): string[] {
  const name = item.value.find((inner) => inner.tag === tags.AttributeName.tag)?.value as string
  const known = byWireName.get(name)
  return item.value.flatMap((inner) => {
    if (inner.tag !== tags.AttributeValue.tag) return laterThan(version, inner)
    return known === undefined || !isWithin(version, '1.0', '1.4') ? [] : laterThan(version, inner, known[0])
  })
}

function laterValue(version: Version, label: TagName, value: number): string[] {
  if (label === 'AttributeReference') {
    const row = byNumber.get(value)
    return row !== undefined && isWithin(version, row[1].since, row[1].until) ? [] : [`reference ${value.toString(16)}`]
  }
  const table = (enumerations as Readonly<Record<string, Readonly<Record<string, ValueRow>>>>)[
    (tags[label] as TagRow).values ?? (label as EnumerationName)
  ]
  if (table === undefined) return []
  const row = Object.values(table).find((each) => each.value === value)
  return row !== undefined && isWithin(version, row.since, row.until) ? [] : [`${label} ${value.toString(16)}`]
}

function laterBits(version: Version, label: TagName, value: number): string[] {
  const table = (masks as Readonly<Record<string, Readonly<Record<string, ValueRow>>>>)[label] ?? {}
  return Object.entries(table)
    .filter(([, row]) => (value & row.value) !== 0 && !isWithin(version, row.since))
    .map(([bit]) => `${label} ${bit}`)
}

function laterName(version: Version, name: string): string[] {
  const row = byWireName.get(name)
  return row === undefined || isWithin(version, row[1].since, row[1].until) ? [] : [`attribute ${name}`]
}
