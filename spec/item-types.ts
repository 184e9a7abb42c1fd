import type { Version } from './versions.ts'

/** Item types and their codes (KMIP 2.1 §9.1.1.2; the last three came with 3.0). */
export const itemTypes = {
  Structure: { code: 0x01, since: '1.0' },
  Integer: { code: 0x02, since: '1.0' },
  LongInteger: { code: 0x03, since: '1.0' },
  BigInteger: { code: 0x04, since: '1.0' },
  Enumeration: { code: 0x05, since: '1.0' },
  Boolean: { code: 0x06, since: '1.0' },
  TextString: { code: 0x07, since: '1.0' },
  ByteString: { code: 0x08, since: '1.0' },
  DateTime: { code: 0x09, since: '1.0' },
  Interval: { code: 0x0a, since: '1.0' },
  DateTimeExtended: { code: 0x0b, since: '2.0' },
  Identifier: { code: 0x0c, since: '3.0' },
  Reference: { code: 0x0d, since: '3.0' },
  NameReference: { code: 0x0e, since: '3.0' },
} as const satisfies Record<string, { code: number; since: Version }>

export type ItemType = keyof typeof itemTypes

/** An item whose meaning belongs to a client (vendor attributes, extensions): the shape that `src/ttlv` gives every item. */
export interface RawItem {
  readonly tag: number
  readonly type: ItemType
  readonly value: number | bigint | boolean | string | Uint8Array | readonly RawItem[]
}
