import { checkWritable, firstFormat, type IndexTerm, newestFormat } from '../store/index.ts'

/** What etcd holds under a place: the opaque value with what the replica's index needs, and the nonce of the change set that wrote it. */
export interface StoredValue {
  readonly nonce: Uint8Array
  readonly order: number | undefined
  readonly terms: readonly IndexTerm[] | undefined
  readonly value: Uint8Array
}

export const nonceLength = 16

/** A stored value that a newer Tresor wrote. */
export class NewerFormat extends Error {
  constructor(format: number) {
    super(newerFormat(format))
    this.name = 'NewerFormat'
  }
}

export function newerFormat(format: number): string {
  return `the cluster's values are of format ${format}, and this node's Tresor reads up to format ${newestFormat}: upgrade this node first`
}

/**
 * Layout: version (1), nonce (16), flags (1: 1 = has order, 2 = has terms), order (8, IEEE 754), number of terms (varint), each term as
 * attribute length (varint), attribute, value length (varint), value; the rest is the value.
 * @param format what all nodes read
 */
export function encodeStored(stored: StoredValue, format: number): Buffer {
  checkWritable(format)
  if (stored.nonce.length !== nonceLength)
    throw new Error(`a change set's nonce has ${stored.nonce.length} bytes; it must have ${nonceLength}`)
  const parts: Uint8Array[] = [Uint8Array.of(format), stored.nonce]
  parts.push(Uint8Array.of((stored.order === undefined ? 0 : hasOrder) | (stored.terms === undefined ? 0 : hasTerms)))
  if (stored.order !== undefined) {
    const order = Buffer.allocUnsafe(8)
    order.writeDoubleBE(stored.order)
    parts.push(order)
  }
  if (stored.terms !== undefined) {
    parts.push(varint(stored.terms.length))
    for (const { attribute, value } of stored.terms) {
      const name = Buffer.from(attribute)
      parts.push(varint(name.length), name, varint(value.length), value)
    }
  }
  parts.push(stored.value)
  return Buffer.concat(parts)
}

/** @throws NewerFormat when a newer Tresor wrote it */
export function decodeStored(bytes: Buffer): StoredValue {
  const reader = new Reader(bytes)
  const format = reader.byte()
  if (format > newestFormat) throw new NewerFormat(format)
  if (format < firstFormat) throw new Error(`a stored value has format ${format}, which never was`)
  const nonce = reader.take(nonceLength)
  const flags = reader.byte()
  const order = (flags & hasOrder) === 0 ? undefined : reader.take(8).readDoubleBE()
  let terms: IndexTerm[] | undefined
  if ((flags & hasTerms) !== 0) {
    terms = []
    for (let left = reader.varint(); left > 0; left--) {
      terms.push({ attribute: reader.take(reader.varint()).toString(), value: reader.take(reader.varint()) })
    }
  }
  return { nonce, order, terms, value: reader.rest() }
}

/** The nonce alone, for the commit queue; undefined when the bytes are too short to hold one. */
export function nonceOf(bytes: Buffer): Buffer | undefined {
  return bytes.length > nonceLength ? bytes.subarray(1, 1 + nonceLength) : undefined
}

/** What a change set that only removes leaves in `mark/<n>`, so that the watch shows its nonce too. */
export function markOf(nonce: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(firstFormat), nonce])
}

const hasOrder = 1
const hasTerms = 2

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

class Reader {
  readonly #bytes: Buffer
  #offset = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  byte(): number {
    return this.take(1)[0]!
  }

  take(length: number): Buffer {
    const end = this.#offset + length
    if (end > this.#bytes.length) throw new Error(`a stored value ends after ${this.#bytes.length} bytes where ${end} are needed`)
    const part = this.#bytes.subarray(this.#offset, end)
    this.#offset = end
    return part
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new Error('a stored value holds a length of more than 32 bits')
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#offset)
  }
}
