import type { EnumerationName, EnumerationValue } from '../../spec/enumerations.ts'
import { enumerations } from '../../spec/enumerations.ts'
import type { ItemType } from '../../spec/item-types.ts'
import { type TagName, tags } from '../../spec/tags.ts'
import { TtlvError } from './ttlv-error.ts'

interface Typed<T extends ItemType, V> {
  /** The three bytes of the tag. */
  readonly tag: number
  readonly type: T
  readonly value: V
}

export type StructureItem = Typed<'Structure', readonly Item[]>
export type NumberItem = Typed<'Integer', number> | Typed<'Enumeration', number> | Typed<'Interval', number>
export type BigintItem = Typed<'LongInteger', bigint> | Typed<'DateTime', bigint> | Typed<'DateTimeExtended', bigint>
export type TextItem =
  | Typed<'TextString', string>
  | Typed<'Identifier', string>
  | Typed<'Reference', string>
  | Typed<'NameReference', string>
export type BytesItem = Typed<'ByteString', Uint8Array> | Typed<'BigInteger', Uint8Array>

/**
 * One node of a message, whatever its encoding was. What `value` holds follows from `type`:
 *
 * - Structure: its items, in order
 * - Integer: a number, signed 32 bits; Enumeration and Interval (seconds): a number, unsigned 32 bits
 * - LongInteger, DateTime (seconds since 1970) and DateTimeExtended (microseconds since 1970): a bigint, signed 64 bits
 * - BigInteger: the two's complement bytes as they travel, padding and all, a multiple of 8; see {@link bigIntegerValue}
 * - Boolean: a boolean
 * - TextString, Identifier, Reference, NameReference: a string without NUL and without lone surrogates
 * - ByteString: bytes
 *
 * The three properties are always made in this order, so that every item has one hidden class.
 */
export type Item = StructureItem | NumberItem | BigintItem | TextItem | BytesItem | Typed<'Boolean', boolean>

/** A tag by its name in `spec/tags.ts`, or by its number where it has no name there. */
export type TagLike = TagName | number

export function structure(tag: TagLike, items: readonly Item[]): StructureItem {
  return { tag: tagOf(tag), type: 'Structure', value: items }
}

export function integer(tag: TagLike, value: number): Item {
  return { tag: tagOf(tag), type: 'Integer', value }
}

export function longInteger(tag: TagLike, value: bigint): Item {
  return { tag: tagOf(tag), type: 'LongInteger', value }
}

/** A BigInteger from its value, in the fewest bytes that are a multiple of 8, or from its bytes. */
export function bigInteger(tag: TagLike, value: bigint | Uint8Array): Item {
  return { tag: tagOf(tag), type: 'BigInteger', value: typeof value === 'bigint' ? bigIntegerBytes(value) : value }
}

/** An Enumeration by its number, or by its name where `spec/enumerations.ts` has a table of the tag's name. */
export function enumeration<E extends EnumerationName & TagName>(tag: E, value: EnumerationValue<E> | number): Item
export function enumeration(tag: TagLike, value: number): Item
export function enumeration(tag: TagLike, value: string | number): Item {
  return { tag: tagOf(tag), type: 'Enumeration', value: typeof value === 'number' ? value : valueNamed(tag, value) }
}

export function boolean(tag: TagLike, value: boolean): Item {
  return { tag: tagOf(tag), type: 'Boolean', value }
}

export function textString(tag: TagLike, value: string): Item {
  return { tag: tagOf(tag), type: 'TextString', value }
}

export function byteString(tag: TagLike, value: Uint8Array): Item {
  return { tag: tagOf(tag), type: 'ByteString', value }
}

/** @param seconds since 1970-01-01T00:00:00Z */
export function dateTime(tag: TagLike, seconds: bigint): Item {
  return { tag: tagOf(tag), type: 'DateTime', value: seconds }
}

export function interval(tag: TagLike, seconds: number): Item {
  return { tag: tagOf(tag), type: 'Interval', value: seconds }
}

/** @param microseconds since 1970-01-01T00:00:00Z */
export function dateTimeExtended(tag: TagLike, microseconds: bigint): Item {
  return { tag: tagOf(tag), type: 'DateTimeExtended', value: microseconds }
}

export function identifier(tag: TagLike, value: string): Item {
  return { tag: tagOf(tag), type: 'Identifier', value }
}

export function reference(tag: TagLike, value: string): Item {
  return { tag: tagOf(tag), type: 'Reference', value }
}

export function nameReference(tag: TagLike, value: string): Item {
  return { tag: tagOf(tag), type: 'NameReference', value }
}

/** The first item of a structure with this tag. */
export function child(parent: StructureItem, tag: TagLike): Item | undefined {
  const wanted = tagOf(tag)
  const items = parent.value
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as Item
    if (item.tag === wanted) return item
  }
  return undefined
}

/** The bytes of a BigInteger: two's complement, big endian, sign-padded to a multiple of 8. */
export function bigIntegerBytes(value: bigint): Uint8Array {
  const magnitudeBits = (value < 0n ? ~value : value).toString(2).length
  const length = Math.ceil((magnitudeBits + 1) / 64) * 8
  const hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0')
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** The value of a BigInteger's bytes. */
export function bigIntegerValue(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`))
}

function tagOf(tag: TagLike): number {
  return typeof tag === 'number' ? tag : tags[tag].tag
}

function valueNamed(tag: TagLike, name: string): number {
  const table: Record<string, { value: number }> | undefined = enumerations[tag as EnumerationName]
  const row = table?.[name]
  if (row === undefined) throw new TtlvError(`${tag} has no value named ${name}; spec/enumerations.ts lists its values`)
  return row.value
}
