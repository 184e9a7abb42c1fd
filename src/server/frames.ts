import { frameLength, headerBytes } from '../ttlv/index.ts'

/**
 * Cuts a byte stream into messages. What it holds grows with the bytes that came, never with the length that a header claims,
 * and each byte is copied a bounded number of times however small the pieces are.
 */
export class FrameReader {
  readonly #maxBytes: number
  #pending: Buffer = empty
  #from = 0
  #to = 0
  #length: number | undefined

  /** @param maxBytes of one message, header included */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes held: of an unfinished message, or of messages not yet taken. */
  get buffered(): number {
    return this.#to - this.#from
  }

  /** Bytes that the buffer takes, used or not. */
  get allocated(): number {
    return this.#pending.length
  }

  /** What it holds, to be looked at only. */
  get bytes(): Buffer {
    return this.#pending.subarray(this.#from, this.#to)
  }

  /** Takes a piece of the stream, which must not be reused by its giver. */
  push(chunk: Buffer): void {
    if (this.#to === this.#from) {
      this.#pending = chunk
      this.#from = 0
      this.#to = chunk.length
      return
    }
    this.#makeRoom(chunk.length)
    chunk.copy(this.#pending, this.#to)
    this.#to += chunk.length
  }

  /**
   * The next whole message, or undefined until it is there. Its bytes are not touched again.
   * @throws TtlvError when what stands next cannot begin a message, or would be larger than the limit; the stream is lost then.
   */
  next(): Buffer | undefined {
    const held = this.#to - this.#from
    if (held < headerBytes) return undefined
    this.#length ??= frameLength(this.#pending.subarray(this.#from, this.#to), this.#maxBytes)
    if (held < this.#length) return undefined
    const frame = this.#pending.subarray(this.#from, this.#from + this.#length)
    this.#from += this.#length
    this.#length = undefined
    if (this.#from === this.#to) this.clear()
    return frame
  }

  /** Forgets what it holds. */
  clear(): void {
    this.#pending = empty
    this.#from = 0
    this.#to = 0
  }

  #makeRoom(bytes: number): void {
    if (this.#pending.length - this.#to >= bytes) return
    const held = this.#to - this.#from
    // A message whose length is known and in reach gets just its size; else the buffer doubles.
    const doubled = Math.max(held + bytes, Math.min(2 * held, this.#length ?? 2 * held))
    const next = Buffer.allocUnsafeSlow(doubled)
    this.#pending.copy(next, 0, this.#from, this.#to)
    this.#pending = next
    this.#from = 0
    this.#to = held
  }
}

const empty = Buffer.alloc(0)
