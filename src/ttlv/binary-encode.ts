import { type ItemType, itemTypes } from '../../spec/item-types.ts'
import { deepestNesting, headerBytes } from './binary-decode.ts'
import type { Item } from './item.ts'
import { isTag, tagHex, tagLabel } from './names.ts'
import { utf8Length } from './text.ts'
import { TtlvError } from './ttlv-error.ts'

/**
 * Writes an item and all below it (KMIP 2.1 §9.1), into one buffer of exactly the length needed.
 *
 * @throws TtlvError when a value does not fit its type: a number out of range, text with a NUL or a lone surrogate, a
 *   BigInteger whose bytes are no multiple of 8, a tag that does not begin with 42 or 54, nesting beyond 500.
 */
export function encode(item: Item): Uint8Array {
  const length = encodedLength(item)
  // Not cleared, and need not be: write() fills every byte, and the check below stands guard over that.
  const out = Buffer.allocUnsafe(length)
  const end = write(out, item, 0)
  if (end !== length) throw new TtlvError(`${tagLabel(item.tag)} changed while it was encoded`)
  return out
}

/** How many bytes {@link encode} would make, header included. Always a multiple of 8. @throws TtlvError as {@link encode} does. */
export function encodedLength(item: Item): number {
  return measure(item, 1)
}

function measure(item: Item, depth: number): number {
  switch (item.type) {
    case 'Structure': {
      const items = item.value
      if (depth >= deepestNesting && items.length > 0) throw wrong(item.tag, `nests deeper than ${deepestNesting}`)
      let length = headerBytes
      for (let index = 0; index < items.length; index++) length += measure(items[index] as Item, depth + 1)
      return length
    }
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return headerBytes + padded(utf8Length(item.tag, item.value))
    case 'ByteString':
      return headerBytes + padded(item.value.length)
    case 'BigInteger':
      if (item.value.length === 0 || item.value.length % 8 !== 0) {
        throw wrong(item.tag, `has ${item.value.length} bytes, but a BigInteger has a multiple of 8 and at least 8`)
      }
      return headerBytes + item.value.length
    default:
      return headerBytes + 8
  }
}

/** Writes an item at `at` and returns where the next one goes. */
function write(out: Buffer, item: Item, at: number): number {
  const tag = item.tag
  if (!isTag(tag)) throw new TtlvError(`${tagHex(tag)} is no tag: tags begin with 42 or 54`)
  out[at] = tag >>> 16
  out[at + 1] = tag >>> 8
  out[at + 2] = tag
  const from = at + headerBytes
  switch (item.type) {
    case 'Structure': {
      const items = item.value
      let end = from
      for (let index = 0; index < items.length; index++) end = write(out, items[index] as Item, end)
      return header(out, at, code.Structure, end - from, end)
    }
    case 'Integer':
      if ((item.value | 0) !== item.value) throw wrong(tag, 'is no whole number of 32 bits with sign')
      return writeWord(out, at, code.Integer, item.value)
    case 'Enumeration':
      if (item.value >>> 0 !== item.value) throw wrong(tag, 'is no whole number of 32 bits without sign')
      return writeWord(out, at, code.Enumeration, item.value)
    case 'Interval':
      if (item.value >>> 0 !== item.value) throw wrong(tag, 'is no whole number of 32 bits without sign')
      return writeWord(out, at, code.Interval, item.value)
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference': {
      const length = writeText(out, item.value, from)
      return header(out, at, code[item.type], length, writePadding(out, from + length, length))
    }
    case 'ByteString': {
      const length = writeBytes(out, item.value, from)
      return header(out, at, code.ByteString, length, writePadding(out, from + length, length))
    }
    case 'BigInteger': {
      const length = writeBytes(out, item.value, from)
      return header(out, at, code.BigInteger, length, from + length)
    }
    case 'Boolean':
      writeUint32(out, from, 0)
      writeUint32(out, from + 4, item.value ? 1 : 0)
      return header(out, at, code.Boolean, 8, from + 8)
    case 'LongInteger':
    case 'DateTime':
    case 'DateTimeExtended':
      if (BigInt.asIntN(64, item.value) !== item.value) throw wrong(tag, 'does not fit 64 bits with sign')
      writeInt64(out, from, item.value)
      return header(out, at, code[item.type], 8, from + 8)
  }
}

/** Puts type and length into a header and hands `end` through. */
function header(out: Buffer, at: number, typeCode: number, length: number, end: number): number {
  out[at + 3] = typeCode
  writeUint32(out, at + 4, length)
  return end
}

function writeWord(out: Buffer, at: number, typeCode: number, value: number): number {
  out[at + 3] = typeCode
  writeUint32(out, at + 4, 4)
  writeUint32(out, at + 8, value)
  writeUint32(out, at + 12, 0)
  return at + 16
}

function writeUint32(out: Buffer, at: number, value: number): void {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
}

function writeInt64(out: Buffer, at: number, value: bigint): void {
  const number = Number(value)
  if (Number.isSafeInteger(number)) {
    writeUint32(out, at, Math.floor(number / 0x1_0000_0000))
    writeUint32(out, at + 4, number)
  } else {
    out.writeBigInt64BE(value, at)
  }
}

function writeBytes(out: Buffer, value: Uint8Array, at: number): number {
  const length = value.length
  // A call of set() costs more than a short loop.
  if (length <= 24) for (let index = 0; index < length; index++) out[at + index] = value[index] as number
  else out.set(value, at)
  return length
}

function writeText(out: Buffer, value: string, at: number): number {
  const length = value.length
  if (length > 48) return out.write(value, at, 'utf8')
  for (let index = 0; index < length; index++) {
    const unit = value.charCodeAt(index)
    if (unit >= 0x80) return out.write(value, at, 'utf8')
    out[at + index] = unit
  }
  return length
}

function writePadding(out: Buffer, at: number, length: number): number {
  const stop = at + (-length & 7)
  for (let index = at; index < stop; index++) out[index] = 0
  return stop
}

function padded(length: number): number {
  return length + (-length & 7)
}

function wrong(tag: number, problem: string): TtlvError {
  return new TtlvError(`${tagLabel(tag)} ${problem}`)
}

const code: Readonly<Record<ItemType, number>> = {
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
}
