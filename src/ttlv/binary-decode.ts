import { isUtf8 } from 'node:buffer'
import { itemTypes } from '../../spec/item-types.ts'
import type { Item } from './item.ts'
import { isTag, tagHex, tagLabel } from './names.ts'
import { TtlvError } from './ttlv-error.ts'

/** What a message may cost its reader. Checked before anything of that size is allocated. */
export interface DecodeLimits {
  /** The whole message, header included. */
  readonly maxBytes: number
  /** Structures inside structures; a lone item has depth 1. At most 500. */
  readonly maxDepth: number
  /** Items in the whole tree. */
  readonly maxItems: number
}

export const defaultLimits: DecodeLimits = { maxBytes: 16 * 1024 * 1024, maxDepth: 32, maxItems: 100_000 }

/** Tag (3 bytes), type (1) and length (4): what stands before every value. */
export const headerBytes = 8

/** The deepest nesting that any encoding here reads or writes, whatever the limits say: it bounds recursion. */
export const deepestNesting = 500

const type = codes()

/**
 * Reads one item, a whole message as a rule, from all of `bytes` (KMIP 2.1 §9.1).
 *
 * The values of ByteString and BigInteger items are views into `bytes`, not copies: whoever reuses or wipes the input
 * changes them, and whoever keeps one for long keeps the input alive and should copy it.
 *
 * @throws TtlvError for anything that is not exactly one well-formed item within the limits.
 */
export function decode(bytes: Uint8Array, limits: DecodeLimits = defaultLimits): Item {
  if (bytes.length > limits.maxBytes) throw new TtlvError(`The message has ${bytes.length} bytes, the limit is ${limits.maxBytes}`, 0)
  const reader = new Reader(bytes, limits)
  const item = reader.item(bytes.length, 1)
  if (reader.offset !== bytes.length) {
    throw new TtlvError(
      `${tagLabel(item.tag)} ends at byte ${reader.offset}, but ${bytes.length - reader.offset} more bytes follow; one item was expected`,
      reader.offset,
    )
  }
  return item
}

/**
 * The length of the message that begins with this header, header included: what a server must have read before it decodes.
 *
 * @param header the first 8 bytes or more
 * @throws TtlvError when no KMIP message begins like this or it would be larger than `maxBytes`.
 */
export function frameLength(header: Uint8Array, maxBytes: number = defaultLimits.maxBytes): number {
  if (header.length < headerBytes) throw new TtlvError(`A header has ${headerBytes} bytes, here are ${header.length}`, 0)
  const tag = readTag(header, 0)
  if (!isTag(tag)) throw new TtlvError(`A message begins with a tag 0x42.... or 0x54...., not with ${tagHex(tag)}`, 0)
  if (header[3] !== type.Structure) {
    throw new TtlvError(`A message is a Structure (type 01), but ${tagLabel(tag)} has type ${codeHex(header[3] as number)}`, 0)
  }
  const length = readUint32(header, 4)
  if (length % 8 !== 0) throw new TtlvError(`${tagLabel(tag)} says ${length} bytes, but a Structure's length is a multiple of 8`, 0)
  if (length + headerBytes > maxBytes) {
    throw new TtlvError(`${tagLabel(tag)} says ${length} bytes and ${headerBytes} of header, the limit is ${maxBytes}`, 0)
  }
  return length + headerBytes
}

class Reader {
  readonly bytes: Buffer
  readonly maxDepth: number
  itemsLeft: number
  offset: number

  constructor(bytes: Uint8Array, limits: DecodeLimits) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.maxDepth = Math.min(limits.maxDepth, deepestNesting)
    this.itemsLeft = limits.maxItems
    this.offset = 0
  }

  /** Reads the item at `offset`, which may reach up to `end`, and leaves `offset` behind it. */
  item(end: number, depth: number): Item {
    const bytes = this.bytes
    const start = this.offset
    if (end - start < headerBytes) throw new TtlvError(`${end - start} bytes at byte ${start} are too few for an item's header of 8`, start)
    const tag = readTag(bytes, start)
    if (!isTag(tag)) throw new TtlvError(`${tagHex(tag)} at byte ${start} is no tag: tags begin with 42 or 54`, start)
    const code = bytes[start + 3] as number
    const length = readUint32(bytes, start + 4)
    const at = start + headerBytes
    if (length > end - at) {
      throw this.#wrong(tag, start, `says ${length} bytes, its ${depth === 1 ? 'message' : 'structure'} has ${end - at} left`)
    }
    if (--this.itemsLeft < 0)
      throw new TtlvError(`The message has more items than the limit allows; ${tagLabel(tag)} is one too many`, start)

    switch (code) {
      case type.Structure: {
        if (depth >= this.maxDepth && length > 0) throw this.#wrong(tag, start, `nests deeper than the limit of ${this.maxDepth}`)
        const items: Item[] = []
        const stop = at + length
        this.offset = at
        while (this.offset < stop) items.push(this.item(stop, depth + 1))
        return { tag, type: 'Structure', value: items }
      }
      case type.Integer:
        this.#fixed(tag, start, 'an Integer', length, 4, end)
        return { tag, type: 'Integer', value: readUint32(bytes, at) | 0 }
      case type.Enumeration:
        this.#fixed(tag, start, 'an Enumeration', length, 4, end)
        return { tag, type: 'Enumeration', value: readUint32(bytes, at) }
      case type.Interval:
        this.#fixed(tag, start, 'an Interval', length, 4, end)
        return { tag, type: 'Interval', value: readUint32(bytes, at) }
      case type.TextString:
        this.#pad(tag, start, length, end)
        return { tag, type: 'TextString', value: this.#text(tag, start, length) }
      case type.ByteString:
        this.#pad(tag, start, length, end)
        return { tag, type: 'ByteString', value: new Uint8Array(bytes.buffer, bytes.byteOffset + at, length) }
      case type.Boolean:
        this.#fixed(tag, start, 'a Boolean', length, 8, end)
        return { tag, type: 'Boolean', value: this.#boolean(tag, start) }
      case type.LongInteger:
        this.#fixed(tag, start, 'a LongInteger', length, 8, end)
        return { tag, type: 'LongInteger', value: readInt64(bytes, at) }
      case type.DateTime:
        this.#fixed(tag, start, 'a DateTime', length, 8, end)
        return { tag, type: 'DateTime', value: readInt64(bytes, at) }
      case type.DateTimeExtended:
        this.#fixed(tag, start, 'a DateTimeExtended', length, 8, end)
        return { tag, type: 'DateTimeExtended', value: readInt64(bytes, at) }
      case type.BigInteger:
        if (length === 0 || length % 8 !== 0) {
          throw this.#wrong(tag, start, `says ${length} bytes, but a BigInteger has a multiple of 8 and at least 8`)
        }
        this.offset = at + length
        return { tag, type: 'BigInteger', value: new Uint8Array(bytes.buffer, bytes.byteOffset + at, length) }
      case type.Identifier:
        this.#pad(tag, start, length, end)
        return { tag, type: 'Identifier', value: this.#text(tag, start, length) }
      case type.Reference:
        this.#pad(tag, start, length, end)
        return { tag, type: 'Reference', value: this.#text(tag, start, length) }
      case type.NameReference:
        this.#pad(tag, start, length, end)
        return { tag, type: 'NameReference', value: this.#text(tag, start, length) }
      default:
        throw this.#wrong(tag, start, `has type ${codeHex(code)}, but types go from 01 to 0E`)
    }
  }

  /** Checks a length that the type fixes, and steps over the value and its padding. */
  #fixed(tag: number, start: number, what: string, length: number, wanted: number, end: number): void {
    if (length !== wanted) throw this.#wrong(tag, start, `says ${length} bytes, but ${what} has ${wanted}`)
    if (wanted === 4) this.#pad(tag, start, 4, end)
    else this.offset = start + headerBytes + 8
  }

  /** Steps over a value of any length and the zeros that fill it up to a multiple of 8. */
  #pad(tag: number, start: number, length: number, end: number): void {
    const from = start + headerBytes + length
    const stop = from + (-length & 7)
    if (stop > end) {
      throw this.#wrong(tag, start, `needs ${stop - from} bytes of padding after its ${length}, its structure has ${end - from} left`)
    }
    for (let at = from; at < stop; at++) {
      if (this.bytes[at] !== 0) throw this.#wrong(tag, start, `has padding that is not zero (at byte ${at})`)
    }
    this.offset = stop
  }

  #boolean(tag: number, start: number): boolean {
    const at = start + headerBytes
    const low = readUint32(this.bytes, at + 4)
    if (readUint32(this.bytes, at) !== 0 || low > 1) throw this.#wrong(tag, start, 'is a Boolean, but neither 0 (false) nor 1 (true)')
    return low === 1
  }

  #text(tag: number, start: number, length: number): string {
    const bytes = this.bytes
    const from = start + headerBytes
    const stop = from + length
    let seen = 0
    for (let at = from; at < stop; at++) {
      const byte = bytes[at] as number
      if (byte === 0) throw this.#wrong(tag, start, `is text, but has a NUL (at byte ${at})`)
      seen |= byte
    }
    if (seen < 0x80) return bytes.toString('latin1', from, stop)
    if (!isUtf8(bytes.subarray(from, stop))) throw this.#wrong(tag, start, 'is text, but not well-formed UTF-8')
    return bytes.toString('utf8', from, stop)
  }

  #wrong(tag: number, start: number, problem: string): TtlvError {
    return new TtlvError(`${tagLabel(tag)} at byte ${start} ${problem}`, start)
  }
}

function readTag(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  )
}

function readInt64(bytes: Uint8Array, at: number): bigint {
  const high = readUint32(bytes, at) | 0
  const low = readUint32(bytes, at + 4)
  // Within 2^53 a number is exact, and one conversion is cheaper than three bigint operations.
  if (high >= -0x200000 && high < 0x200000) return BigInt(high * 0x1_0000_0000 + low)
  return (BigInt(high) << 32n) | BigInt(low)
}

function codeHex(code: number): string {
  return code.toString(16).toUpperCase().padStart(2, '0')
}

/** The type codes as a flat object of constants, which V8 folds into the switch. */
function codes() {
  return {
    Structure: itemTypes.Structure.code,
    Integer: itemTypes.Integer.code,
    LongInteger: itemTypes.LongInteger.code,
    BigInteger: itemTypes.BigInteger.code,
    Enumeration: itemTypes.Enumeration.code,
    Boolean: itemTypes.Boolean.code,
    TextString: itemTypes.TextString.code,
    ByteString: itemTypes.ByteString.code,
    DateTime: itemTypes.DateTime.code,
    Interval: itemTypes.Interval.code,
    DateTimeExtended: itemTypes.DateTimeExtended.code,
    Identifier: itemTypes.Identifier.code,
    Reference: itemTypes.Reference.code,
    NameReference: itemTypes.NameReference.code,
  } as const
}
