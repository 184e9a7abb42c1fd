/** One tree, three encodings of it, and a dump that shows no secret. */
export type { DecodeLimits } from './binary-decode.ts'
export { decode, defaultLimits, frameLength, headerBytes } from './binary-decode.ts'
export { encode, encodedLength } from './binary-encode.ts'
export type { BigintItem, BytesItem, Item, NumberItem, StructureItem, TagLike, TextItem } from './item.ts'
export {
  bigInteger,
  bigIntegerBytes,
  bigIntegerValue,
  boolean,
  byteString,
  child,
  dateTime,
  dateTimeExtended,
  enumeration,
  identifier,
  integer,
  interval,
  longInteger,
  nameReference,
  reference,
  structure,
  textString,
} from './item.ts'
export { tagHex, tagLabel, tagName } from './names.ts'
export { TtlvError } from './ttlv-error.ts'
