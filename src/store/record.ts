import { isUtf8 } from 'node:buffer'
import { checkWritable, firstFormat, newestFormat } from './record-format.ts'

/** What lies under a record's key: `WrappedKey` of the objects room, as plain fields. */
export interface RecordKey {
  readonly kind: 'secret' | 'private' | 'public' | 'data'
  readonly algorithm: string | undefined
  /** Bits. */
  readonly length: number | undefined
  readonly curve: string | undefined
  readonly sensitive: boolean
  readonly extractable: boolean
  readonly mechanism: string
  readonly epoch: number
  readonly bytes: Uint8Array
}

/**
 * A Managed Object as it is stored. What the store need not understand is bytes. A destroyed object's record (a tombstone)
 * has no key.
 */
export interface StoredRecord {
  readonly tenant: string
  readonly id: string
  /** The object's own count of its changes, from 1. */
  readonly generation: number
  readonly objectType: string
  /** The order of Locate. */
  readonly order: number
  /** TTLV. */
  readonly attributes: Uint8Array
  /** What the object's kind needs beside attributes and key; TTLV or JSON of the operations room. */
  readonly form: Uint8Array
  readonly key: RecordKey | undefined
}

/** A stored record whose bytes cannot be what Tresor wrote. */
export class DamagedRecord extends Error {
  constructor(problem: string) {
    super(`a stored record is damaged: ${problem}`)
    this.name = 'DamagedRecord'
  }
}

const keyKinds = ['secret', 'private', 'public', 'data'] as const
/** Bytes of the seal that a partition puts behind a record. */
export const sealLength = 32

/**
 * The record's bytes, to be sealed. Format (1), then fields in fixed order, each text or byte run with a 4-byte length.
 * @param format what every node of the cluster reads: `Ledger.recordFormat`
 */
export function encodeRecord(record: StoredRecord, format: number): Uint8Array {
  checkWritable(format)
  const writer = new Writer()
  writer.byte(format)
  writer.text(record.tenant)
  writer.text(record.id)
  writer.number(record.generation)
  writer.text(record.objectType)
  writer.number(record.order)
  writer.bytes(record.attributes)
  writer.bytes(record.form)
  writer.byte(record.key === undefined ? 0 : 1)
  if (record.key !== undefined) writeKey(writer, record.key)
  return writer.finish()
}

/** Record and seal as one value to store. */
export function joinSeal(record: Uint8Array, seal: Uint8Array): Uint8Array {
  if (seal.length !== sealLength) throw new RangeError(`a seal has ${sealLength} bytes, not ${seal.length}`)
  return Buffer.concat([record, seal])
}

/** @throws DamagedRecord when there is no room for a seal */
export function splitSeal(value: Uint8Array): { readonly record: Uint8Array; readonly seal: Uint8Array } {
  if (value.length <= sealLength) throw new DamagedRecord(`${value.length} bytes hold no record and seal`)
  return { record: value.subarray(0, value.length - sealLength), seal: value.subarray(value.length - sealLength) }
}

/**
 * Byte fields are views of the input.
 * @throws DamagedRecord naming the field
 */
export function decodeRecord(bytes: Uint8Array): StoredRecord {
  const reader = new Reader(bytes)
  const format = reader.byte('format')
  if (format < firstFormat || format > newestFormat)
    throw new DamagedRecord(`its format is ${format}, this program knows ${firstFormat} to ${newestFormat}`)
  const record = {
    tenant: reader.text('tenant'),
    id: reader.text('identifier'),
    generation: reader.number('generation'),
    objectType: reader.text('object type'),
    order: reader.number('order'),
    attributes: reader.bytes('attributes'),
    form: reader.bytes('form'),
    key: reader.flag('key mark') ? readKey(reader) : undefined,
  }
  reader.end()
  return record
}

function writeKey(writer: Writer, key: RecordKey): void {
  writer.byte(keyKinds.indexOf(key.kind))
  writer.byte((key.sensitive ? 1 : 0) | (key.extractable ? 2 : 0))
  writer.text(key.algorithm ?? '')
  writer.number(key.length ?? 0)
  writer.text(key.curve ?? '')
  writer.text(key.mechanism)
  writer.number(key.epoch)
  writer.bytes(key.bytes)
}

function readKey(reader: Reader): RecordKey {
  const kind = keyKinds[reader.byte('key kind')]
  if (kind === undefined) throw new DamagedRecord('its key is of no known kind')
  const policy = reader.byte('key policy')
  if (policy > 3) throw new DamagedRecord('its key policy is no known one')
  const algorithm = reader.text('key algorithm')
  const length = reader.number('key length')
  const curve = reader.text('curve')
  return {
    kind,
    algorithm: algorithm === '' ? undefined : algorithm,
    length: algorithm === '' ? undefined : length,
    curve: curve === '' ? undefined : curve,
    sensitive: (policy & 1) !== 0,
    extractable: (policy & 2) !== 0,
    mechanism: reader.text('wrap mechanism'),
    epoch: reader.number('epoch'),
    bytes: reader.bytes('wrapped key'),
  }
}

class Writer {
  readonly #parts: Uint8Array[] = []

  byte(value: number): void {
    this.#parts.push(Buffer.of(value))
  }

  number(value: number): void {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleBE(value)
    this.#parts.push(bytes)
  }

  text(value: string): void {
    this.bytes(Buffer.from(value, 'utf8'))
  }

  bytes(value: Uint8Array): void {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(value.length)
    this.#parts.push(length, value)
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts)
  }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  byte(field: string): number {
    return this.#take(1, field)[0] as number
  }

  flag(field: string): boolean {
    const value = this.byte(field)
    if (value > 1) throw new DamagedRecord(`its ${field} is ${value}`)
    return value === 1
  }

  number(field: string): number {
    const value = this.#take(8, field).readDoubleBE()
    if (!Number.isSafeInteger(value)) throw new DamagedRecord(`its ${field} is no whole number`)
    return value
  }

  text(field: string): string {
    const bytes = this.bytes(field)
    if (!isUtf8(bytes)) throw new DamagedRecord(`its ${field} is not UTF-8`)
    return bytes.toString('utf8')
  }

  bytes(field: string): Buffer {
    return this.#take(this.#take(4, field).readUInt32BE(), field)
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new DamagedRecord(`${this.#bytes.length - this.#at} bytes stand behind its last field`)
  }

  #take(length: number, field: string): Buffer {
    if (length > this.#bytes.length - this.#at) throw new DamagedRecord(`its ${field} is cut off`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
