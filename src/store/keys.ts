import { createHash } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Place, Space } from './ledger.ts'

/**
 * The keys of the database: a byte for the table, then
 * - values: space, kind, identifier
 * - index: space, attribute, value, position (order and birth, the newest first), identifier
 * - counters: space, attribute, value
 * - nonces: revision modulo `nonceSlots`
 * Spaces and attributes are preceded by their lengths, so none is a prefix of another's keys. The longest key has 1,777 of lmdb's 1,978 bytes.
 */
const table = { head: 0, value: 1, index: 2, counter: 3, nonce: 4 } as const

export const headKey = Buffer.of(table.head)

/** How many of the latest revisions keep their nonces. */
export const nonceSlots = 65_536

const kinds = ['object', 'unique', 'setting'] as const satisfies readonly Place['kind'][]
const longestSpace = 80
const longestAttribute = 64
const longestId = 1024
/** Longer values are cut in the index and told by their hash. */
const longestValue = 256

/** @throws KmipError InvalidField when the identifier or name is empty or too long. */
export function valueKey({ space, kind, id }: Place): Buffer {
  const length = Buffer.byteLength(id)
  if (length === 0 || length > longestId)
    throw new KmipError('InvalidField', `An identifier or name has ${length} bytes of UTF-8; it must have 1 to ${longestId}.`)
  const prefix = kindPrefix(space, kind)
  const key = Buffer.allocUnsafe(prefix.length + length)
  prefix.copy(key)
  key.write(id, prefix.length)
  return key
}

/** What all the keys of one kind in one space begin with. */
export function kindPrefix(space: Space, kind: Place['kind']): Buffer {
  const name = `${space} ${kind}`
  let prefix = prefixes.get(name)
  if (prefix === undefined) {
    prefix = Buffer.concat([Buffer.of(table.value), measured(space, longestSpace), Buffer.of(kinds.indexOf(kind))])
    if (prefixes.size > 4096) prefixes.clear()
    prefixes.set(name, prefix)
  }
  return prefix
}

const prefixes = new Map<string, Buffer>()

/** What the index keys of all objects with this attribute value begin with; the counter's key has the same bytes behind its table's. */
export function indexPrefix(space: Space, attribute: string, value: Uint8Array): Buffer {
  return Buffer.concat([attributePrefix(space, attribute), indexedValue(value)])
}

/** What the index keys of all objects with this attribute begin with. */
export function attributePrefix(space: Space, attribute: string): Buffer {
  return Buffer.concat([Buffer.of(table.index), measured(space, longestSpace), measured(attribute, longestAttribute)])
}

/** The term that every object with terms has: what a search without conditions finds. */
export const everyObject = { attribute: '', value: new Uint8Array(0) } as const

export function counterKey(prefix: Buffer): Buffer {
  const key = Buffer.from(prefix)
  key[0] = table.counter
  return key
}

export function nonceKey(revision: number): Buffer {
  const key = Buffer.allocUnsafe(3)
  key[0] = table.nonce
  key.writeUInt16BE(revision % nonceSlots, 1)
  return key
}

/** The first key that does not begin with these bytes. */
export function after(prefix: Buffer): Buffer {
  const key = Buffer.from(prefix)
  for (let last = key.length - 1; last >= 0; last--) {
    if (key[last] !== 0xff) {
      key[last]!++
      return key.subarray(0, last + 1)
    }
  }
  return Buffer.alloc(1978, 0xff)
}

/** The half-open range of index keys whose values are from `from` to `to`; long values may bring in some that are not. */
export function indexRange(prefix: Buffer, from: Uint8Array, to: Uint8Array): { readonly start: Buffer; readonly end: Buffer } {
  const start = from.length > longestValue ? escaped(from.subarray(0, longestValue), cutMark) : escaped(from, endMark)
  const end = to.length > longestValue ? escaped(to.subarray(0, longestValue), cutMark) : escaped(to, endMark)
  return { start: Buffer.concat([prefix, start]), end: after(Buffer.concat([prefix, end])) }
}

/** Where in an index key the position begins, and whether the value was cut. */
export function positionIn(key: Buffer, prefix: Buffer): { readonly at: number; readonly cut: boolean } {
  for (let at = key.indexOf(0, prefix.length); at >= 0; at = key.indexOf(0, at + 2)) {
    if (key[at + 1] === endMark) return { at: at + 2, cut: false }
    if (key[at + 1] === cutMark) return { at: at + 2 + hashLength, cut: true }
  }
  throw new Error('an index key has no end of its value: the replica is damaged; restore it from a backup or the cluster')
}

export const positionLength = 14
/** The birth of what is not committed yet: after all that is. */
export const unborn = 2 ** 48 - 1

/** Sorts bytewise as Locate lists: the greatest order first, then the latest birth. `born` is the revision that first stored the object. */
export function positionBytes(order: number, born: number): Buffer {
  const bytes = Buffer.allocUnsafe(positionLength)
  bytes.writeDoubleBE(order === 0 ? 0 : order)
  // An IEEE 754 number orders like its bits once the sign is turned; all of it again for the greatest first.
  if (bytes[0]! < 0x80) {
    bytes[0]! ^= 0x80
    for (let each = 0; each < 8; each++) bytes[each]! ^= 0xff
  }
  bytes.writeUIntBE(unborn - born, 8, 6)
  return bytes
}

/** Terminated so that values order bytewise and none is a prefix of another: 00 becomes 00 FF, the end is 00 01, a cut 00 02 and a hash. */
function indexedValue(value: Uint8Array): Buffer {
  if (value.length <= longestValue) return escaped(value, endMark)
  const hash = createHash('sha256').update(value).digest()
  return Buffer.concat([escaped(value.subarray(0, longestValue), cutMark), hash])
}

const endMark = 1
const cutMark = 2
const hashLength = 32

function escaped(value: Uint8Array, mark: number): Buffer {
  let zeros = 0
  for (const byte of value) if (byte === 0) zeros++
  const bytes = Buffer.allocUnsafe(value.length + zeros + 2)
  let at = 0
  for (const byte of value) {
    bytes[at++] = byte
    if (byte === 0) bytes[at++] = 0xff
  }
  bytes[at] = 0
  bytes[at + 1] = mark
  return bytes
}

function measured(text: string, longest: number): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > longest)
    throw new Error(`"${text}" has ${bytes.length} bytes; a space has at most ${longestSpace}, an attribute ${longestAttribute}`)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}
