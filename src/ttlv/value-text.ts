import type { ItemType } from '../../spec/item-types.ts'
import type { TagName } from '../../spec/tags.ts'
import { dateTimeExtendedText, dateTimeText, microsecondsOf } from './date-time-text.ts'
import type { Item } from './item.ts'
import { utf8Length } from './text.ts'
import { enumerationNumber, maskBit } from './value-names.ts'

/** What a text was meant to be and is not: the end of a sentence that begins with the item's name and place. */
export class WrongText extends Error {}

/** Reads a value that XML or JSON wrote as text. Hexadecimal numbers (0x...) are taken for every number. @throws WrongText */
export function itemFromText(
  tag: number,
  type: Exclude<ItemType, 'Structure'>,
  text: string,
  subject: TagName | undefined,
  maskSeparator: string,
): Item {
  switch (type) {
    case 'Integer':
      return { tag, type, value: integerOf(text.trim(), subject, maskSeparator) }
    case 'Enumeration':
      return { tag, type, value: enumerationOf(text.trim(), subject) }
    case 'Interval':
      return { tag, type, value: Number(whole(text.trim(), 0n, 0xffff_ffffn, 32)) }
    case 'LongInteger':
      return { tag, type, value: whole(text.trim(), -(2n ** 63n), 2n ** 63n - 1n, 64) }
    case 'DateTime':
      return { tag, type, value: floorDivide(momentOf(text.trim(), 1_000_000n), 1_000_000n) }
    case 'DateTimeExtended':
      return { tag, type, value: momentOf(text.trim(), 1n) }
    case 'Boolean':
      return { tag, type, value: booleanOf(text.trim()) }
    case 'BigInteger': {
      const bytes = hexBytes(text.trim().replace(/^0x/, ''))
      if (bytes.length === 0 || bytes.length % 8 !== 0)
        throw new WrongText('is a BigInteger, whose hexadecimal digits make a multiple of 8 bytes')
      return { tag, type, value: bytes }
    }
    case 'ByteString':
      return { tag, type, value: hexBytes(text.trim()) }
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      utf8Length(tag, text)
      return { tag, type, value: text }
  }
}

/** A date and time, or the hexadecimal form for those that ISO 8601 cannot write in four digits of year. */
export function momentText(item: Item & { readonly value: bigint }): string {
  const text = item.type === 'DateTime' ? dateTimeText(item.value) : dateTimeExtendedText(item.value)
  return text ?? hex64(item.value)
}

export function hex64(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16).padStart(16, '0')}`
}

export function bytesHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

function integerOf(text: string, subject: TagName | undefined, maskSeparator: string): number {
  if (/^[+-]?\d+$/.test(text) || /^0x[0-9a-fA-F]+$/.test(text)) return Number(whole(text, -0x8000_0000n, 0x7fff_ffffn, 32))
  let bits = 0
  for (const part of text.split(maskSeparator)) {
    const name = part.trim()
    if (name === '') continue
    const bit = /^0x[0-9a-fA-F]{1,8}$/.test(name) ? Number(name) : maskBit(subject, name)
    if (bit === undefined) throw new WrongText(`is an Integer, a whole number or a mask of known names; ${quoted(name)} is neither`)
    bits |= bit
  }
  if (text === '') throw new WrongText('is an Integer, but its value is empty')
  return bits
}

function enumerationOf(text: string, subject: TagName | undefined): number {
  const named = enumerationNumber(subject, text)
  if (named !== undefined) return named
  if (/^0x[0-9a-fA-F]{1,8}$/.test(text)) return Number(text)
  if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text)
  throw new WrongText(`has no value named ${quoted(text)}; a name of its enumeration or 0x and 8 digits is right`)
}

function booleanOf(text: string): boolean {
  if (text === 'true' || text === '1' || text === '0x0000000000000001') return true
  if (text === 'false' || text === '0' || text === '0x0000000000000000') return false
  throw new WrongText('is a Boolean, true or false')
}

/** A decimal number, or a hexadecimal one in two's complement, within its bounds. */
function whole(text: string, least: bigint, most: bigint, bits: number): bigint {
  let value: bigint | undefined
  if (/^[+-]?\d{1,20}$/.test(text)) value = BigInt(text.replace(/^\+/, ''))
  else if (/^0x[0-9a-fA-F]+$/.test(text) && text.length <= 2 + bits / 4) {
    const raw = BigInt(text)
    value = least < 0n ? BigInt.asIntN(bits, raw) : raw
  }
  if (value === undefined || value < least || value > most) throw new WrongText(`is a whole number from ${least} to ${most}`)
  return value
}

/** Microseconds, of an ISO 8601 text; a bare number is in units of `unit` microseconds. */
function momentOf(text: string, unit: bigint): bigint {
  const microseconds = microsecondsOf(text)
  if (microseconds !== undefined) return microseconds
  if (!/^(0x[0-9a-fA-F]+|[+-]?\d+)$/.test(text)) throw new WrongText('is a date and time such as 2001-02-03T04:05:06+00:00')
  return whole(text, -(2n ** 63n), 2n ** 63n - 1n, 64) * unit
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient
}

function hexBytes(text: string): Uint8Array {
  if (text.length % 2 !== 0 || /[^0-9a-fA-F]/.test(text)) throw new WrongText('is made of hexadecimal digits, two for each byte')
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** A name as the sender wrote it, short enough for a message. Only for names: values may be secrets. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}...` : name)
}
