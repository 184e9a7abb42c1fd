import { readCount } from './apply-writes.ts'
import type { Database } from './database.ts'
import {
  afterPrefix,
  attributeStart,
  counterKey,
  endOfTerm,
  everyObject,
  type IndexEntry,
  indexKey,
  readIndexKey,
  termPrefix,
  valueKey,
} from './keys.ts'
import type { IndexTerm, Space, Stored, TermMatch } from './ledger.ts'
import { decodeEntry } from './stored-entry.ts'

export type { IndexEntry } from './keys.ts'

export interface Page {
  readonly offset: number
  readonly limit: number
}

export type Accept = (stored: Stored, id: string) => boolean

interface Search {
  readonly entries: readonly IndexEntry[]
  readonly total: number
}

/**
 * The search behind `Replica.find`. The term with the fewest objects leads, so cost grows with its matches alone: the other exact
 * terms are looked up by their keys, other ranges in the stored terms.
 */
export function search(database: Database, space: Space, matches: readonly TermMatch[], page: Page, accept: Accept | undefined): Search {
  const all = counted(database, space, everyObject)
  // What every object has selects nothing.
  const exact = matches
    .filter(isExact)
    .map(({ attribute, from }) => counted(database, space, { attribute, value: from }))
    .filter(({ count }) => count !== all.count)
    .sort((one, other) => one.count - other.count)
  const ranges = matches.filter((match) => !isExact(match))
  const rarest = exact[0] ?? all
  if (rarest.count === 0) return { entries: [], total: 0 }

  const range = rarestRange(database, space, ranges, rarest.count)
  const isMatch = checker(
    database,
    space,
    exact.filter((each) => range !== undefined || each !== rarest),
    ranges.filter((each) => each !== range),
    accept,
  )
  if (range !== undefined) return collect(entriesOfRange(database, space, range, isMatch), undefined, page)
  // One exact term and nothing else to check: its counter is the total, and only the page is read.
  if (isMatch === undefined) return pageOfTerm(database, space, rarest, page)
  return collect(entriesOfTerm(database, space, rarest.term), isMatch, page)
}

interface Counted {
  readonly term: IndexTerm
  readonly count: number
}

type Test = (entry: IndexEntry) => boolean

function counted(database: Database, space: Space, term: IndexTerm): Counted {
  return { term, count: readCount(database.getBinaryFast(counterKey(space, term))) }
}

/** The range with the fewest entries when they are fewer than `count`. Passes over no more than some times that many. */
function rarestRange(database: Database, space: Space, ranges: readonly TermMatch[], count: number): TermMatch | undefined {
  if (ranges.length === 0) return undefined
  for (let bound = firstBound; ; bound *= 8) {
    for (const range of ranges) if (!hasMoreThan(database, keysOfRange(space, range), Math.min(bound, count))) return range
    if (bound >= count) return undefined
  }
}

const firstBound = 64

function hasMoreThan(database: Database, keys: { readonly start: Buffer; readonly end: Buffer }, count: number): boolean {
  for (const _ of database.getKeys({ ...keys, offset: count, limit: 1 })) return true
  return false
}

function keysOfRange(space: Space, { attribute, from, to }: TermMatch): { readonly start: Buffer; readonly end: Buffer } {
  return { start: termPrefix(space, attribute, from), end: afterPrefix(termPrefix(space, attribute, to)) }
}

function pageOfTerm(database: Database, space: Space, { term, count }: Counted, { offset, limit }: Page): Search {
  if (limit === 0 || offset >= count) return { entries: [], total: count }
  const prefix = termPrefix(space, term.attribute, term.value)
  const keys = database.getKeys({ start: prefix, end: afterPrefix(prefix), offset, limit })
  return { entries: Array.from(keys, (key) => readIndexKey(key, prefix.length)), total: count }
}

function* entriesOfTerm(database: Database, space: Space, term: IndexTerm): Iterable<IndexEntry> {
  const prefix = termPrefix(space, term.attribute, term.value)
  for (const key of database.getKeys({ start: prefix, end: afterPrefix(prefix) })) yield readIndexKey(key, prefix.length)
}

/** Entries of several values stand by value; Locate wants them by order, and an object that has several of the values once. */
function entriesOfRange(database: Database, space: Space, match: TermMatch, isMatch: Test | undefined): Iterable<IndexEntry> {
  const start = attributeStart(space, match.attribute)
  const found = new Map<string, IndexEntry>()
  for (const key of database.getKeys(keysOfRange(space, match))) {
    const entry = readIndexKey(key, endOfTerm(key, start.length))
    if (!found.has(entry.id) && (isMatch === undefined || isMatch(entry))) found.set(entry.id, entry)
  }
  return [...found.values()].sort(byPlace)
}

/** As the entries of one term stand in the index. */
export function byPlace(one: IndexEntry, other: IndexEntry): number {
  return other.order - one.order || other.revision - one.revision || Buffer.compare(Buffer.from(one.id), Buffer.from(other.id))
}

function collect(found: Iterable<IndexEntry>, isMatch: Test | undefined, { offset, limit }: Page): Search {
  const entries: IndexEntry[] = []
  let total = 0
  for (const entry of found) {
    if (isMatch !== undefined && !isMatch(entry)) continue
    if (total >= offset && entries.length < limit) entries.push(entry)
    total++
  }
  return { entries, total }
}

/** Undefined when there is nothing to check. */
function checker(
  database: Database,
  space: Space,
  exact: readonly Counted[],
  ranges: readonly TermMatch[],
  accept: Accept | undefined,
): Test | undefined {
  const reads = ranges.length > 0 || accept !== undefined
  if (exact.length === 0 && !reads) return undefined
  return ({ order, revision, id }) => {
    for (const { term } of exact) if (!database.doesExist(indexKey(space, term, order, revision, id))) return false
    if (!reads) return true
    const bytes = database.getBinary(valueKey({ space, kind: 'object', id }))
    if (bytes === undefined) return false
    const entry = decodeEntry(bytes)
    return ranges.every((match) => hasTerm(entry.terms, match)) && (accept === undefined || accept(entry, id))
  }
}

/** Whether one of the terms lies in the range. */
export function hasTerm(terms: readonly IndexTerm[], { attribute, from, to }: TermMatch): boolean {
  return terms.some((term) => term.attribute === attribute && Buffer.compare(term.value, from) >= 0 && Buffer.compare(term.value, to) <= 0)
}

function isExact({ from, to }: TermMatch): boolean {
  return Buffer.compare(from, to) === 0
}
