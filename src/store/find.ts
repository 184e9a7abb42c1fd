import { afterPrefix, attributeStart, counterKey, endOfTerm, type IndexEntry, readIndexKey, termPrefix, valueKey } from './keys.ts'
import type { Found, IndexTerm, Space, Stored, TermMatch } from './ledger.ts'
import type { Database } from './replica.ts'
import { decodeEntry } from './stored-entry.ts'

interface Page {
  readonly offset: number
  readonly limit: number
}

type Accept = (stored: Stored, id: string) => boolean

const everyObject: TermMatch = { attribute: '*', from: new Uint8Array(0), to: new Uint8Array(0) }

/** The search behind `Replica.find`. */
export function findInIndex(
  database: Database,
  space: Space,
  matches: readonly TermMatch[],
  page: Page,
  accept: Accept | undefined,
): Found {
  const wanted = matches.length === 0 ? [everyObject] : matches
  const [driver, ...others] = rarestFirst(database, space, wanted)
  if (driver === undefined || driver.count === 0) return { ids: [], total: 0 }
  // One exact term and nothing else to check: its counter is the total, and only the page is read.
  if (others.length === 0 && accept === undefined && isExact(driver.match))
    return pageOfTerm(database, space, driver.match, page, driver.count)
  const isMatch = checker(
    database,
    space,
    others.map(({ match }) => match),
    accept,
  )
  return isExact(driver.match)
    ? collect(entriesOfTerm(database, space, driver.match), isMatch, page)
    : collect(entriesOfRange(database, space, driver.match), isMatch, page)
}

/** The term with the fewest objects leads, so cost grows with its matches alone. What a range holds is not counted: it leads only where nothing else can. */
function rarestFirst(database: Database, space: Space, matches: readonly TermMatch[]) {
  const counted = matches.map((match) => ({ match, count: isExact(match) ? countOf(database, space, match) : Number.MAX_SAFE_INTEGER }))
  return counted.sort((a, b) => a.count - b.count)
}

function countOf(database: Database, space: Space, match: TermMatch): number {
  const bytes = database.getBinaryFast(counterKey(space, { attribute: match.attribute, value: match.from }))
  return bytes === undefined ? 0 : bytes.readDoubleBE(0)
}

function pageOfTerm(database: Database, space: Space, match: TermMatch, { offset, limit }: Page, total: number): Found {
  if (limit === 0) return { ids: [], total }
  const prefix = termPrefix(space, match.attribute, match.from)
  const keys = database.getKeys({ start: prefix, end: afterPrefix(prefix), offset, limit })
  return { ids: Array.from(keys, (key) => readIndexKey(key, prefix.length).id), total }
}

function* entriesOfTerm(database: Database, space: Space, match: TermMatch): Iterable<IndexEntry> {
  const prefix = termPrefix(space, match.attribute, match.from)
  for (const key of database.getKeys({ start: prefix, end: afterPrefix(prefix) })) yield readIndexKey(key, prefix.length)
}

/** Entries of several values stand by value; Locate wants them by order, and an object that has several of the values once. */
function entriesOfRange(database: Database, space: Space, match: TermMatch): Iterable<IndexEntry> {
  const start = attributeStart(space, match.attribute)
  const range = { start: termPrefix(space, match.attribute, match.from), end: afterPrefix(termPrefix(space, match.attribute, match.to)) }
  const found = new Map<string, IndexEntry>()
  for (const key of database.getKeys(range)) {
    const entry = readIndexKey(key, endOfTerm(key, start.length))
    found.set(entry.id, entry)
  }
  return [...found.values()].sort((a, b) => b.order - a.order || b.revision - a.revision || (a.id < b.id ? -1 : 1))
}

function collect(entries: Iterable<IndexEntry>, isMatch: (id: string) => boolean, { offset, limit }: Page): Found {
  const ids: string[] = []
  let total = 0
  for (const { id } of entries) {
    if (!isMatch(id)) continue
    if (total >= offset && ids.length < limit) ids.push(id)
    total++
  }
  return { ids, total }
}

function checker(database: Database, space: Space, others: readonly TermMatch[], accept: Accept | undefined): (id: string) => boolean {
  if (others.length === 0 && accept === undefined) return () => true
  return (id) => {
    const entry = database.getBinary(valueKey({ space, kind: 'object', id }))
    if (entry === undefined) return false
    const { terms, value, revision } = decodeEntry(entry)
    return others.every((match) => hasTerm(terms, match)) && (accept === undefined || accept({ value, revision }, id))
  }
}

/** Whether one of the terms lies in the range. */
export function hasTerm(terms: readonly IndexTerm[], { attribute, from, to }: TermMatch): boolean {
  if (attribute === everyObject.attribute) return true
  return terms.some((term) => term.attribute === attribute && Buffer.compare(term.value, from) >= 0 && Buffer.compare(term.value, to) <= 0)
}

function isExact({ from, to }: TermMatch): boolean {
  return Buffer.compare(from, to) === 0
}
