import { deserialize, serialize } from 'node:v8'

/*
 * Values as bytes between two processes or threads of a node: what V8's own serialization does, at a quarter of its cost for messages of
 * some hundred bytes. Both sides remember short strings and the field names of objects that have passed, so what one writer wrote must be read by
 * one reader, all of it and in order.
 */

const tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** A whole number of 32 bits at most: 4 bytes. */
  integer: 4,
  double: 5,
  /** ASCII of 255 characters at most: a length byte. */
  short: 6,
  /** The same, and remembered from now on. */
  newWord: 7,
  word: 8,
  long: 9,
  bytes: 10,
  buffer: 11,
  array: 12,
  newShape: 13,
  shape: 14,
  /** Anything else, as V8 has it. */
  other: 15,
  /** An instance that both sides know, by its bytes. */
  instance: 16,
} as const

/** Words and shapes that are remembered; each is numbered by one byte. */
const mostKnown = 255
const longestWord = 24
const longestShort = 255

/** The field names of an object, in their order: each name leads on to the next. */
interface Shape {
  number: number | undefined
  readonly next: Map<string, Shape>
}

/** The one class whose instances travel as what they are, where the two sides have agreed on one. */
export interface Instances {
  /** Undefined for a value of another class. */
  bytesOf(value: unknown): Uint8Array | undefined
  of(bytes: Uint8Array): unknown
}

/** Writes values for one `ValueReader`. Trees only: no cycles, and of instances their own fields. */
export class ValueWriter {
  #bytes = Buffer.allocUnsafeSlow(4096)
  #at = 0
  readonly #words = new Map<string, number>()
  readonly #shapes: Shape = { number: undefined, next: new Map() }
  #shapesKnown = 0
  readonly #instances: Instances | undefined

  constructor(instances?: Instances) {
    this.#instances = instances
  }

  /** @param room bytes left free at the beginning, for the caller */
  write(value: unknown, room = 0): Buffer<ArrayBuffer> {
    this.#begin(room)
    this.#value(value)
    return this.#written()
  }

  /** The first values, as an array: all, unless those before have so many bytes already. */
  writeSome(values: readonly unknown[], enough: number, room = 0): { readonly bytes: Buffer<ArrayBuffer>; readonly count: number } {
    this.#begin(room)
    this.#reserve(16)
    this.#byte(tag.array)
    const countAt = this.#at
    this.#length(0)
    let count = 0
    while (count < values.length && (count === 0 || this.#at < enough)) this.#value(values[count++])
    this.#bytes.writeUInt32LE(count, countAt)
    return { bytes: this.#written(), count }
  }

  #begin(room: number): void {
    this.#at = 0
    this.#reserve(room)
    this.#at = room
  }

  #written(): Buffer<ArrayBuffer> {
    const out = Buffer.allocUnsafeSlow(this.#at)
    this.#bytes.copy(out, 0, 0, this.#at)
    return out
  }

  #value(value: unknown): void {
    this.#reserve(16)
    if (typeof value === 'string') this.#string(value)
    else if (typeof value === 'number') this.#number(value)
    else if (value === undefined) this.#byte(tag.undefined)
    else if (value === null) this.#byte(tag.null)
    else if (typeof value === 'boolean') this.#byte(value ? tag.true : tag.false)
    else if (Array.isArray(value)) this.#array(value)
    else if (value instanceof Uint8Array) this.#raw(value instanceof Buffer ? tag.buffer : tag.bytes, value)
    else if (isPlain(value)) this.#object(value)
    else this.#other(value)
  }

  #array(values: readonly unknown[]): void {
    this.#byte(tag.array)
    this.#length(values.length)
    for (const each of values) this.#value(each)
  }

  #object(value: object): void {
    const keys = Object.keys(value)
    const shape = this.#shapeOf(keys)
    if (shape === undefined) {
      this.#other(value)
      return
    }
    this.#shape(shape, keys)
    for (const key of keys) this.#value((value as Record<string, unknown>)[key])
  }

  #shapeOf(keys: readonly string[]): Shape | undefined {
    let shape = this.#shapes
    for (const key of keys) {
      let next = shape.next.get(key)
      if (next === undefined) {
        // What has no end of names, such as a record by identifier, must not fill the memory of both sides.
        if (this.#shapesKnown === mostKnown || key === '__proto__' || keys.length > mostKnown) return undefined
        next = { number: undefined, next: new Map() }
        shape.next.set(key, next)
      }
      shape = next
    }
    return shape.number === undefined && this.#shapesKnown === mostKnown ? undefined : shape
  }

  #shape(shape: Shape, keys: readonly string[]): void {
    if (shape.number !== undefined) {
      this.#byte(tag.shape)
      this.#byte(shape.number)
      return
    }
    shape.number = this.#shapesKnown++
    this.#byte(tag.newShape)
    this.#byte(keys.length)
    for (const key of keys) this.#value(key)
  }

  #string(text: string): void {
    const known = text.length <= longestWord ? this.#words.get(text) : undefined
    if (known !== undefined) {
      this.#byte(tag.word)
      this.#byte(known)
    } else if (!this.#short(text)) this.#long(text)
  }

  /** @returns false when the text is too long, or not of ASCII alone */
  #short(text: string): boolean {
    const { length } = text
    if (length > longestShort) return false
    this.#reserve(length + 2)
    const bytes = this.#bytes
    const start = this.#at + 2
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      bytes[start + index] = code
    }
    const isWord = length <= longestWord && this.#words.size < mostKnown
    if (isWord) this.#words.set(text, this.#words.size)
    this.#byte(isWord ? tag.newWord : tag.short)
    this.#byte(length)
    this.#at += length
    return true
  }

  #long(text: string): void {
    this.#raw(tag.long, Buffer.from(text, 'utf8'))
  }

  #number(value: number): void {
    if ((value | 0) === value && !Object.is(value, -0)) {
      this.#byte(tag.integer)
      this.#bytes.writeInt32LE(value, this.#at)
      this.#at += 4
      return
    }
    this.#byte(tag.double)
    this.#bytes.writeDoubleLE(value, this.#at)
    this.#at += 8
  }

  #other(value: unknown): void {
    const bytes = this.#instances?.bytesOf(value)
    if (bytes === undefined) this.#raw(tag.other, serialize(value))
    else this.#raw(tag.instance, bytes)
  }

  #raw(name: number, bytes: Uint8Array): void {
    this.#reserve(bytes.length + 5)
    this.#byte(name)
    this.#length(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #byte(byte: number): void {
    this.#bytes[this.#at++] = byte
  }

  #length(length: number): void {
    this.#bytes.writeUInt32LE(length, this.#at)
    this.#at += 4
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + more))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}

/** Whether a value is no more than its fields; maps, dates, errors and instances go V8's way. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value) as unknown
  return prototype === Object.prototype || prototype === null
}

/** Reads what one `ValueWriter` writes. Bytes that it gives are views of those that it was given. */
export class ValueReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  readonly #words: string[] = []
  readonly #shapes: (readonly string[])[] = []
  readonly #instances: Instances | undefined

  constructor(instances?: Instances) {
    this.#instances = instances
  }

  /** @throws Error when the bytes are not what a writer wrote. */
  read(bytes: Buffer): unknown {
    this.#bytes = bytes
    this.#at = 0
    const value = this.#value()
    if (this.#at !== bytes.length) throw malformed()
    return value
  }

  #value(): unknown {
    switch (this.#byte()) {
      case tag.undefined:
        return undefined
      case tag.null:
        return null
      case tag.false:
        return false
      case tag.true:
        return true
      case tag.integer:
        this.#at += 4
        return this.#bytes.readInt32LE(this.#at - 4)
      case tag.double:
        this.#at += 8
        return this.#bytes.readDoubleLE(this.#at - 8)
      case tag.short:
        return this.#text(this.#byte(), 'latin1')
      case tag.newWord: {
        const word = this.#text(this.#byte(), 'latin1')
        this.#words.push(word)
        return word
      }
      case tag.word:
        return this.#known(this.#words)
      case tag.long:
        return this.#text(this.#length(), 'utf8')
      case tag.bytes: {
        const view = this.#view()
        return new Uint8Array(view.buffer, view.byteOffset, view.length)
      }
      case tag.buffer:
        return this.#view()
      case tag.array:
        return this.#array()
      case tag.newShape: {
        const shape = Array.from({ length: this.#byte() }, () => String(this.#value()))
        this.#shapes.push(shape)
        return this.#object(shape)
      }
      case tag.shape:
        return this.#object(this.#known(this.#shapes))
      case tag.other:
        return deserialize(this.#view())
      case tag.instance:
        if (this.#instances === undefined) throw malformed()
        return this.#instances.of(this.#view())
      default:
        throw malformed()
    }
  }

  #object(shape: readonly string[]): Record<string, unknown> {
    const value: Record<string, unknown> = {}
    for (const name of shape) value[name] = this.#value()
    return value
  }

  #array(): unknown[] {
    const length = this.#length()
    // Each element has a byte at least.
    if (length > this.#bytes.length - this.#at) throw malformed()
    const values: unknown[] = []
    for (let index = 0; index < length; index++) values.push(this.#value())
    return values
  }

  #known<T>(all: readonly T[]): T {
    const value = all[this.#byte()]
    if (value === undefined) throw malformed()
    return value
  }

  #text(length: number, encoding: 'latin1' | 'utf8'): string {
    return this.#bytes.toString(encoding, this.#at, this.#past(length))
  }

  #view(): Buffer {
    const length = this.#length()
    const start = this.#at
    return this.#bytes.subarray(start, this.#past(length))
  }

  /** Goes over so many bytes. @returns where they end */
  #past(length: number): number {
    if (length > this.#bytes.length - this.#at) throw malformed()
    this.#at += length
    return this.#at
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw malformed()
    return byte
  }

  #length(): number {
    this.#at += 4
    return this.#bytes.readUInt32LE(this.#at - 4)
  }
}

function malformed(): Error {
  return new Error('these bytes are no value')
}
