/** Compact binary forms, written: big-endian, each length before what it measures. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(expected = 256) {
    this.#bytes = Buffer.allocUnsafe(expected)
  }

  u8(value: number): this {
    this.#length = this.#room(1).writeUInt8(value, this.#length)
    return this
  }

  u16(value: number): this {
    this.#length = this.#room(2).writeUInt16BE(value, this.#length)
    return this
  }

  u32(value: number): this {
    this.#length = this.#room(4).writeUInt32BE(value, this.#length)
    return this
  }

  /** A whole number below 2^48: revisions and counts. */
  u48(value: number): this {
    this.#length = this.#room(6).writeUIntBE(value, this.#length, 6)
    return this
  }

  f64(value: number): this {
    this.#length = this.#room(8).writeDoubleBE(value, this.#length)
    return this
  }

  /** Bytes whose length the reader knows. */
  raw(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  /** Up to 255 bytes of UTF-8. */
  shortText(text: string): this {
    const length = Buffer.byteLength(text)
    this.u8(length)
    this.#length += this.#room(length).write(text, this.#length)
    return this
  }

  /** Up to 65,535 bytes of UTF-8. */
  text(text: string): this {
    const length = Buffer.byteLength(text)
    this.u16(length)
    this.#length += this.#room(length).write(text, this.#length)
    return this
  }

  block(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes)
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#length
  }

  /** Overwrites what was left open before, such as a length known only now. */
  patchU32(value: number, at: number): void {
    this.#bytes.writeUInt32BE(value, at)
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #room(wanted: number): Buffer {
    if (this.#length + wanted > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + wanted))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    return this.#bytes
  }
}

/** Such a form, read strictly: nothing beyond its end, nothing left over. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #what: string
  #at = 0

  /** `what` names the form in errors. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#what = what
  }

  u8(): number {
    return this.raw(1).readUInt8()
  }

  u16(): number {
    return this.raw(2).readUInt16BE()
  }

  u32(): number {
    return this.raw(4).readUInt32BE()
  }

  u48(): number {
    return this.raw(6).readUIntBE(0, 6)
  }

  f64(): number {
    return this.raw(8).readDoubleBE()
  }

  raw(length: number): Buffer {
    const left = this.#bytes.length - this.#at
    if (length > left) throw new Error(`${this.#what}: ${length} bytes are due at byte ${this.#at}, ${left} are left`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  shortText(): string {
    return this.#utf8(this.raw(this.u8()))
  }

  text(): string {
    return this.#utf8(this.raw(this.u16()))
  }

  block(): Buffer {
    return this.raw(this.u32())
  }

  rest(): Buffer {
    return this.raw(this.#bytes.length - this.#at)
  }

  /** @throws Error when bytes are left over. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new Error(`${this.#what}: ${this.#bytes.length - this.#at} bytes are left over`)
  }

  #utf8(bytes: Buffer): string {
    const text = bytes.toString('utf8')
    if (Buffer.byteLength(text) !== bytes.length || (text.includes('\ufffd') && !bytes.equals(Buffer.from(text))))
      throw new Error(`${this.#what}: the text before byte ${this.#at} is not UTF-8`)
    return text
  }
}
