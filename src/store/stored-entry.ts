import type { IndexTerm, Revision } from './ledger.ts'

/** What the replica keeps of a place: the value and all that is needed to take its index entries away again. */
export interface StoredEntry {
  readonly revision: Revision
  readonly nonce: Uint8Array
  readonly order: number
  readonly terms: readonly IndexTerm[]
  readonly value: Uint8Array
}

const nonceLength = 16
const noNonce = new Uint8Array(nonceLength)
const fixedLength = 8 + nonceLength + 8 + 2

/** revision (8), nonce (16), order (8), number of terms (2), each term as two lengths (1, 2) and its bytes, then the value. */
export function encodeEntry({
  revision,
  nonce,
  order,
  terms,
  value,
}: Omit<StoredEntry, 'nonce'> & { readonly nonce?: Uint8Array | undefined }): Buffer {
  const names = terms.map(({ attribute }) => Buffer.from(attribute))
  const length = terms.reduce(
    (sum, term, index) => sum + 3 + (names[index] as Buffer).length + term.value.length,
    fixedLength + value.length,
  )
  const out = Buffer.allocUnsafe(length)
  out.writeDoubleBE(revision, 0)
  out.set(nonce ?? noNonce, 8)
  out.writeDoubleBE(order, 24)
  out.writeUInt16BE(terms.length, 32)
  let at = fixedLength
  for (const [index, term] of terms.entries()) {
    const name = names[index] as Buffer
    out[at] = name.length
    out.writeUInt16BE(term.value.length, at + 1)
    out.set(name, at + 3)
    out.set(term.value, at + 3 + name.length)
    at += 3 + name.length + term.value.length
  }
  out.set(value, at)
  return out
}

/** A counter's or the head's value. */
export function encodeCount(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(value)
  return bytes
}

export function revisionOf(entry: Uint8Array): Revision {
  return asBuffer(entry).readDoubleBE(0)
}

export function nonceOf(entry: Uint8Array): Uint8Array {
  return entry.subarray(8, 8 + nonceLength)
}

/** The value alone, without reading the terms. The bytes are a view of `entry`. */
export function valueIn(entry: Uint8Array): Uint8Array {
  const bytes = asBuffer(entry)
  let at = fixedLength
  for (let left = bytes.readUInt16BE(32); left > 0; left--) at += 3 + (bytes[at] as number) + bytes.readUInt16BE(at + 1)
  return entry.subarray(at)
}

export function decodeEntry(entry: Uint8Array): StoredEntry {
  const bytes = asBuffer(entry)
  const terms: IndexTerm[] = []
  let at = fixedLength
  for (let left = bytes.readUInt16BE(32); left > 0; left--) {
    const nameEnd = at + 3 + (bytes[at] as number)
    const end = nameEnd + bytes.readUInt16BE(at + 1)
    terms.push({ attribute: bytes.toString('utf8', at + 3, nameEnd), value: bytes.subarray(nameEnd, end) })
    at = end
  }
  return { revision: bytes.readDoubleBE(0), nonce: nonceOf(bytes), order: bytes.readDoubleBE(24), terms, value: bytes.subarray(at) }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
