import type { Database } from './database.ts'
import { after, attributePrefix, counterKey, everyObject, indexPrefix, indexRange, positionIn, positionLength, valueKey } from './keys.ts'
import type { IndexTerm, Space, Stored, TermMatch } from './ledger.ts'
import { decodeEntry, decodeValue } from './stored-form.ts'

export type Accept = (stored: Stored, id: string) => boolean

/** A found object, and where Locate lists it: bytes that sort (`positionBytes`). */
export interface Hit {
  readonly id: string
  readonly position: Buffer
}

export interface Hits {
  readonly hits: readonly Hit[]
  readonly total: number
}

export interface Page {
  readonly offset: number
  readonly limit: number
}

/** `Replica.find`, with positions. The rarest term is walked; the others are probed by key, or looked up in the stored terms. */
export function search(db: Database, space: Space, matches: readonly TermMatch[], page: Page, accept: Accept | undefined): Hits {
  const all = counted(db, indexPrefix(space, everyObject.attribute, everyObject.value))
  let exact: Counted[] = []
  const ranges: Range[] = []
  for (const match of matches) {
    if (isExact(match)) exact.push(counted(db, indexPrefix(space, match.attribute, match.from)))
    else ranges.push(rangeOf(space, match))
  }
  // A term that every object has filters nothing.
  exact = exact.filter(({ count }) => count !== all.count).sort((one, other) => one.count - other.count)
  if (all.count === 0 || exact[0]?.count === 0) return { hits: [], total: 0 }

  const rarest = exact[0] ?? all
  const range = rarestRange(db, ranges, rarest.count)
  const others = range === undefined ? exact.filter((each) => each !== rarest) : exact
  const isMatch = tester(db, space, others, ranges.length > (range === undefined ? 0 : 1) || range?.mayBeCut ? matches : [], accept)
  if (range !== undefined) return walkRange(db, range, page, isMatch)
  if (isMatch === undefined) return walkCounted(db, rarest, page)
  return walkExact(db, rarest, page, isMatch)
}

/** Whether these terms match all: for what is not in the index yet. Objects without terms are never found. */
export function termsMatch(terms: readonly IndexTerm[] | undefined, matches: readonly TermMatch[]): boolean {
  if (terms === undefined) return false
  return matches.every(({ attribute, from, to }) =>
    terms.some((term) => term.attribute === attribute && Buffer.compare(term.value, from) >= 0 && Buffer.compare(term.value, to) <= 0),
  )
}

type Test = (hit: Hit) => boolean

interface Counted {
  readonly prefix: Buffer
  readonly count: number
}

interface Range {
  readonly prefix: Buffer
  readonly start: Buffer
  readonly end: Buffer
  /** Whether keys in it may hold cut values, which only the stored terms can tell apart. */
  readonly mayBeCut: boolean
}

function isExact({ from, to }: TermMatch): boolean {
  return Buffer.compare(from, to) === 0
}

function counted(db: Database, prefix: Buffer): Counted {
  const bytes = db.getBinaryFast(counterKey(prefix))
  return { prefix, count: bytes === undefined ? 0 : bytes.readUIntBE(0, 6) }
}

function rangeOf(space: Space, { attribute, from, to }: TermMatch): Range {
  const prefix = attributePrefix(space, attribute)
  return { prefix, ...indexRange(prefix, from, to), mayBeCut: true }
}

/** The range with the fewest keys, when it has fewer than `limit`. Looks at no more keys than a small multiple of the rarest's. */
function rarestRange(db: Database, ranges: readonly Range[], limit: number): Range | undefined {
  if (ranges.length === 0) return undefined
  for (let bound = 64; ; bound *= 8) {
    for (const range of ranges) if (!hasMoreThan(db, range, Math.min(bound, limit))) return range
    if (bound >= limit) return undefined
  }
}

function hasMoreThan(db: Database, { start, end }: Range, count: number): boolean {
  for (const _ of db.getKeys({ start, end, offset: count, limit: 1 })) return true
  return false
}

/** Undefined when there is nothing to test. `matches` is empty when keys alone decide. */
function tester(
  db: Database,
  space: Space,
  others: readonly Counted[],
  matches: readonly TermMatch[],
  accept: Accept | undefined,
): Test | undefined {
  if (others.length === 0 && matches.length === 0 && accept === undefined) return undefined
  return ({ id, position }) => {
    for (const { prefix } of others) {
      // The identifier lies in the key behind the position, so the other term's key is known.
      if (!db.doesExist(Buffer.concat([prefix, position, Buffer.from(id)]))) return false
    }
    if (matches.length === 0 && accept === undefined) return true
    const bytes = db.getBinary(valueKey({ space, kind: 'object', id }))
    if (bytes === undefined)
      throw new Error(`the index names ${id}, which is not stored: the replica is damaged; restore it from a backup or the cluster`)
    if (matches.length > 0 && !termsMatch(decodeEntry(bytes).terms, matches)) return false
    return accept === undefined || accept(decodeValue(bytes), id)
  }
}

function walkCounted(db: Database, { prefix, count }: Counted, { offset, limit }: Page): Hits {
  const hits: Hit[] = []
  if (limit > 0 && offset < count) {
    for (const key of db.getKeys({ start: prefix, end: after(prefix), offset, limit })) hits.push(hitAt(key, prefix.length))
  }
  return { hits, total: count }
}

function walkExact(db: Database, { prefix }: Counted, { offset, limit }: Page, isMatch: Test): Hits {
  const hits: Hit[] = []
  let total = 0
  for (const key of db.getKeys({ start: prefix, end: after(prefix) })) {
    const hit = hitAt(key, prefix.length)
    if (!isMatch(hit)) continue
    if (total >= offset && hits.length < limit) hits.push(hit)
    total++
  }
  return { hits, total }
}

function walkRange(db: Database, { prefix, start, end }: Range, { offset, limit }: Page, isMatch: Test | undefined): Hits {
  const hits = new Map<string, Hit>()
  for (const key of db.getKeys({ start, end })) {
    const hit = hitAt(key, positionIn(Buffer.from(key.buffer, key.byteOffset, key.length), prefix).at)
    // An object may have several values of the attribute in the range.
    if (!hits.has(hit.id) && (isMatch === undefined || isMatch(hit))) hits.set(hit.id, hit)
  }
  const sorted = [...hits.values()].sort(byPosition)
  return { hits: sorted.slice(offset, offset + limit), total: sorted.length }
}

/** As the index sorts: by position, then by identifier. */
export function byPosition(one: Hit, other: Hit): number {
  return Buffer.compare(one.position, other.position) || Buffer.compare(Buffer.from(one.id), Buffer.from(other.id))
}

function hitAt(key: Uint8Array, at: number): Hit {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length)
  return { position: bytes.subarray(at, at + positionLength), id: bytes.toString('utf8', at + positionLength) }
}
