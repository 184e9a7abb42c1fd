import type { IndexTerm, Place, Space, Write } from './ledger.ts'

/*
 * The replica's keys: one ordered space of bytes. A first byte tells the kind; strings are ended by 00 and never hold one;
 * term values are escaped so that their order is kept and none is the beginning of another.
 */
const family = { head: 1, value: 2, index: 3, counter: 4 } as const
const placeKinds = { object: 1, unique: 2, setting: 3 } as const

const kindsByNumber: ReadonlyMap<number, Place['kind']> = new Map(
  Object.entries(placeKinds).map(([kind, number]) => [number, kind as Place['kind']]),
)

/** Bytes that a term's value may have. */
const longestTerm = 512
/** Bytes that an identifier or name may have. */
const longestId = 1024
/** lmdb's limit, which an index key could pass with the longest of everything. */
const longestKey = 1978

/** The key under which the replica keeps the revision it has reached. */
export const headKey = Buffer.from([family.head])

/** The term that every object has: counts and lists all of a space. */
export const everyObject: IndexTerm = { attribute: '*', value: new Uint8Array(0) }

export function valueKey({ space, kind, id }: Place): Buffer {
  const spaceLength = Buffer.byteLength(space)
  const key = Buffer.allocUnsafe(spaceLength + 3 + Buffer.byteLength(id))
  key[0] = family.value
  key.write(space, 1)
  key[spaceLength + 1] = 0
  key[spaceLength + 2] = placeKinds[kind]
  key.write(id, spaceLength + 3)
  return key
}

/** @throws RangeError saying what of a write cannot be stored: before anything is. */
export function checkWrite({ place, terms }: Write): void {
  checkPlace(place)
  for (const { attribute, value } of terms ?? []) {
    if (attribute === '' || attribute === everyObject.attribute || attribute.includes('\0') || Buffer.byteLength(attribute) > 255)
      throw new RangeError(`"${attribute}" cannot be the name of a term`)
    if (value.length > longestTerm)
      throw new RangeError(`a term of ${attribute} has ${value.length} bytes, at most ${longestTerm} can be indexed`)
    const length = termPrefix(place.space, attribute, value).length + tailLength + Buffer.byteLength(place.id)
    if (length > longestKey)
      throw new RangeError(
        `a term of ${attribute} and its identifier need an index key of ${length} bytes, at most ${longestKey} can be stored`,
      )
  }
}

/** @throws RangeError saying what of a place cannot be. */
export function checkPlace({ space, id }: Place): void {
  const length = Buffer.byteLength(id)
  if (length === 0 || length > longestId) throw new RangeError(`an identifier or name has ${length} bytes of UTF-8, not 1 to ${longestId}`)
  if (space === '' || space.includes('\0') || Buffer.byteLength(space) > 255)
    throw new RangeError(`"${space}" cannot be the name of a space`)
}

/** The beginning of the keys of all places of a kind. */
export function kindPrefix(space: Space, kind: Place['kind']): Buffer {
  return valueKey({ space, kind, id: '' })
}

/** Before the key of every value, and the beginning of them all. */
export const firstValueKey = Buffer.from([family.value])

export function groupOfValueKey(key: Uint8Array): Pick<Place, 'space' | 'kind'> {
  const spaceEnd = key.indexOf(0, 1)
  const kind = kindsByNumber.get(key[spaceEnd + 1] as number)
  if (spaceEnd < 0 || kind === undefined) throw new RangeError('a key of the replica is of no known kind')
  // A space in a stored key was made by `spaces.ts` before it was written.
  return { space: text(key, 1, spaceEnd) as Space, kind }
}

export function idOfValueKey(key: Uint8Array, prefixLength: number): string {
  return text(key, prefixLength, key.length)
}

/** The beginning of the index entries of an attribute, and of its counters. */
function attributePrefix(first: number, space: Space, attribute: string): Buffer {
  const spaceLength = Buffer.byteLength(space)
  const prefix = Buffer.allocUnsafe(spaceLength + Buffer.byteLength(attribute) + 3)
  prefix[0] = first
  prefix.write(space, 1)
  prefix[spaceLength + 1] = 0
  prefix.write(attribute, spaceLength + 2)
  prefix[prefix.length - 1] = 0
  return prefix
}

/** How many objects have the term. */
export function counterKey(space: Space, term: IndexTerm): Buffer {
  return Buffer.concat([attributePrefix(family.counter, space, term.attribute), escaped(term.value)])
}

/** The beginning of the index entries with exactly this term. */
export function termPrefix(space: Space, attribute: string, value: Uint8Array): Buffer {
  return Buffer.concat([attributePrefix(family.index, space, attribute), escaped(value)])
}

const tailLength = 16

/** An entry of the index. Entries of one term stand greatest order first, latest commit first among equals. */
export function indexKey(space: Space, term: IndexTerm, order: number, revision: number, id: string): Buffer {
  const prefix = termPrefix(space, term.attribute, term.value)
  const key = Buffer.allocUnsafe(prefix.length + tailLength + Buffer.byteLength(id))
  key.set(prefix, 0)
  key.writeBigUInt64BE(descending(order), prefix.length)
  key.writeBigUInt64BE(descending(revision), prefix.length + 8)
  key.write(id, prefix.length + tailLength)
  return key
}

export interface IndexEntry {
  readonly order: number
  readonly revision: number
  readonly id: string
}

/** Reads an entry whose term ends at `termEnd`. */
export function readIndexKey(key: Uint8Array, termEnd: number): IndexEntry {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  return {
    order: ascending(view.readBigUInt64BE(termEnd)),
    revision: ascending(view.readBigUInt64BE(termEnd + 8)),
    id: text(view, termEnd + tailLength, view.length),
  }
}

/** Where the escaped value ends that begins at `start`: after its two closing bytes. */
export function endOfTerm(key: Uint8Array, start: number): number {
  for (let at = start; at < key.length - 1; at++) {
    if (key[at] !== 0) continue
    if (key[at + 1] === 0) return at + 2
    at++
  }
  throw new RangeError('an index key has no end of its term')
}

/** The beginnings of all index entries, and of all counters. */
export const firstIndexKey = Buffer.from([family.index])
export const firstCounterKey = Buffer.from([family.counter])

export function spaceOfIndexKey(key: Uint8Array): Space {
  // A space in a stored key was made by `spaces.ts` before it was written.
  return text(key, 1, key.indexOf(0, 1)) as Space
}

/** Where the term of an index entry ends. */
export function termEndOf(key: Uint8Array): number {
  const attribute = key.indexOf(0, 1) + 1
  return endOfTerm(key, key.indexOf(0, attribute) + 1)
}

/** The counter of an entry's term; the two differ in their first byte, up to the term's end. */
export function counterOfIndexKey(key: Uint8Array): Buffer {
  return withFamily(key.subarray(0, termEndOf(key)), family.counter)
}

/** The beginning of the entries that a counter counts. */
export function indexOfCounter(counter: Uint8Array): Buffer {
  return withFamily(counter, family.index)
}

function withFamily(key: Uint8Array, first: number): Buffer {
  const other = Buffer.from(key)
  other[0] = first
  return other
}

/** The least key that is greater than every key with this beginning. */
export function afterPrefix(prefix: Uint8Array): Buffer {
  const after = Buffer.from(prefix)
  for (let at = after.length - 1; at >= 0; at--) {
    const byte = after[at] as number
    if (byte < 0xff) {
      after[at] = byte + 1
      return after.subarray(0, at + 1)
    }
  }
  throw new RangeError('no key is greater than a beginning of ff alone')
}

/** The beginning of an attribute's entries, its length being where their values start. */
export function attributeStart(space: Space, attribute: string): Buffer {
  return attributePrefix(family.index, space, attribute)
}

/** 00 becomes 00 ff, and 00 00 ends the value. */
function escaped(value: Uint8Array): Buffer {
  let zeros = 0
  for (const byte of value) if (byte === 0) zeros++
  const out = Buffer.allocUnsafe(value.length + zeros + 2)
  let at = 0
  for (const byte of value) {
    out[at++] = byte
    if (byte === 0) out[at++] = 0xff
  }
  out[at++] = 0
  out[at] = 0
  return out
}

/** Orders are integers (milliseconds): as descending bytes the greatest comes first. */
function descending(value: number): bigint {
  return 0x7fffffffffffffffn - BigInt(Math.trunc(value))
}

function ascending(value: bigint): number {
  return Number(0x7fffffffffffffffn - value)
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
}
