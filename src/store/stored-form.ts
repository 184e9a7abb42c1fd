import { ByteReader, ByteWriter } from './bytes.ts'
import type { IndexTerm, Revision } from './ledger.ts'

/** What the replica holds under a place. */
export interface Entry {
  readonly value: Uint8Array
  readonly revision: Revision
  /** The revision that first stored it: its place among objects of the same order. */
  readonly born: Revision
  readonly order: number
  /** Undefined: not in the index. Kept so that a later write can remove the old index keys. */
  readonly terms: readonly IndexTerm[] | undefined
}

/** Layout: revision (6), born (6), order (8), length of the terms (4; all ones for none), terms, value. */
export function encodeEntry({ value, revision, born, order, terms }: Entry): Buffer {
  const writer = new ByteWriter(value.length + 512).u48(revision).u48(born).f64(order)
  if (terms === undefined) return writer.u32(noTerms).raw(value).done()
  writer.u32(0)
  writeTerms(writer, terms)
  writer.patchU32(writer.length - headerLength, termsLengthAt)
  return writer.raw(value).done()
}

export function decodeEntry(bytes: Uint8Array): Entry {
  const reader = new ByteReader(bytes, 'a stored value')
  const [revision, born, order, length] = [reader.u48(), reader.u48(), reader.f64(), reader.u32()]
  const terms = length === noTerms ? undefined : readTerms(new ByteReader(reader.raw(length), 'stored terms'))
  return { revision, born, order, terms, value: reader.rest() }
}

/** The value and revision alone: the way of most reads. */
export function decodeValue(bytes: Uint8Array): { readonly value: Uint8Array; readonly revision: Revision } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = view.readUInt32BE(termsLengthAt)
  return { revision: view.readUIntBE(0, 6), value: bytes.subarray(headerLength + (length === noTerms ? 0 : length)) }
}

export function writeTerms(writer: ByteWriter, terms: readonly IndexTerm[]): void {
  writer.u16(terms.length)
  for (const { attribute, value } of terms) writer.shortText(attribute).block(value)
}

export function readTerms(reader: ByteReader): IndexTerm[] {
  return Array.from({ length: reader.u16() }, () => ({ attribute: reader.shortText(), value: reader.block() }))
}

const termsLengthAt = 20
const headerLength = 24
const noTerms = 0xffffffff
