import { type EnumerationName, enumerations, type ValueRow } from '../../spec/enumerations.ts'
import { isWithin, type Version } from '../../spec/versions.ts'

/** The values of one enumeration that one version knows, both ways. */
export interface EnumerationTable {
  readonly names: ReadonlyMap<number, string>
  readonly numbers: ReadonlyMap<string, number>
}

/** @param version undefined for all values of all versions */
export function enumerationTable(name: EnumerationName, version: Version | undefined): EnumerationTable {
  const key = `${name} ${version}`
  const known = tables.get(key)
  if (known !== undefined) return known
  const rows = Object.entries(enumerations[name] as Readonly<Record<string, ValueRow>>).filter(
    ([, row]) => version === undefined || isWithin(version, row.since, row.until),
  )
  const table: EnumerationTable = {
    names: new Map(rows.map(([value, row]) => [row.value, value])),
    numbers: new Map(rows.map(([value, row]) => [value, row.value])),
  }
  tables.set(key, table)
  return table
}

export function isEnumerationName(name: string): name is EnumerationName {
  return Object.hasOwn(enumerations, name)
}

const tables = new Map<string, EnumerationTable>()
