/** One tree, three encodings of it, and a dump that shows no secret. */
export type { DecodeLimits } from './binary-decode.ts'
export { decode, defaultLimits, frameLength, headerBytes } from './binary-decode.ts'
export { encode, encodedLength } from './binary-encode.ts'
export type { DumpOptions } from './dump.ts'
export { dump } from './dump.ts'
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
export type { JsonOptions } from './json.ts'
export { fromJson, toJson } from './json.ts'
export { tagByName, tagHex, tagLabel, tagName } from './names.ts'
export { TtlvError } from './ttlv-error.ts'
export type { XmlOptions } from './xml.ts'
export { fromXml, itemFromElement, toXml } from './xml.ts'
export type { XmlElement } from './xml-parse.ts'
export { parseXml } from './xml-parse.ts'
